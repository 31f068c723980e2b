"""What a run is called, and the line that describes it: what differs from its group's first run.

run_name({"train.seed": "2", "model.cell": "gru"}, {"train.seed": "1", "model.cell": "lstm"})
"cell=gru, seed=2"
"""

from collections.abc import Mapping

FIRST = "baseline"
MOST_NAMED = 4


def changed_params(params: Mapping[str, str], first: Mapping[str, str]) -> list[str]:
    """The keys that both have, with other values; a key that one lacks came with other code."""
    return sorted(key for key in params.keys() & first.keys() if params[key] != first[key])


def short_names(keys: list[str], among: Mapping[str, str]) -> dict[str, str]:
    """A key's last part, `cell` for `model.cell`, unless another key among them ends alike."""
    endings = [_ending(key) for key in among]
    return {key: _ending(key) if endings.count(_ending(key)) == 1 else key for key in keys}


def run_name(params: Mapping[str, str], first: Mapping[str, str] | None) -> str:
    """A name for a run with these params; `first` are those of the group's first run, if any."""
    changed = [] if first is None else changed_params(params, first)
    if not changed:
        return FIRST
    names = short_names(changed, params)
    parts = [f"{names[key]}={params[key]}" for key in changed[:MOST_NAMED]]
    more = len(changed) - MOST_NAMED
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def description(
    summary: str, params: Mapping[str, str], first: Mapping[str, str] | None, first_name: str
) -> str:
    """One line: what the model is, then what differs.

    `lstm with additive attention; unlike baseline: cell gru (lstm)`
    """
    if first is None:
        return f"{summary}; the first run of its group, with which later ones are compared"
    changed = changed_params(params, first)
    if not changed:
        return f"{summary}; the same params as {first_name}"
    names = short_names(changed, params)
    told = ", ".join(f"{names[key]} {params[key]} ({first[key]})" for key in changed)
    return f"{summary}; unlike {first_name}: {told}"


def _ending(key: str) -> str:
    return key.rpartition(".")[2]
