"""What a run is called, and the line that describes it: what differs from its group's first run.

run_name({"train.seed": "2", "model.cell": "gru"}, {"train.seed": "1", "model.cell": "lstm"})
"cell=gru, seed=2"
"""

from collections.abc import Mapping

FIRST = "baseline"
MOST_NAMED = 4
# What the page of a group of runs says.
NOTE = """\
**What to look at**

- *Chart view*, the second of the three buttons above the runs: curves and scores of all runs.
  Scores of the decoded texts are `dev/...` and `test/...`; choose by dev, report test.
- *Compare*: tick runs, press the button, and turn on *Show diff only* for what differs and what
  came of it.
- *Sort* by a score to see the best first. Sorted by *Created*, a sweep is one line, and the +
  before it shows its runs.
- A run's *Artifacts*: `report/index.html` is the whole report, with attention maps;
  `decode/test/nbest_head.jsonl` holds translations.
- *Models*: `make register` gives the best model by dev score the alias `champion`.

A run's name is what differs from the first run here, or the name of its DVC experiment. Runs made
elsewhere, which only the repository's commits record, are in a group whose name ends in *history*.
"""


def run_name(params: Mapping[str, str], first: Mapping[str, str] | None) -> str:
    """A name for a run with these params; `first` are those of the group's first run, if any."""
    changed = {} if first is None else _changed(params, first)
    parts = [f"{name}={params[key]}" for key, name in changed.items()]
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return ", ".join(parts[:MOST_NAMED]) + more or FIRST


def description(
    summary: str, params: Mapping[str, str], first: Mapping[str, str] | None, first_name: str
) -> str:
    """One line: what the model is, then what differs.

    `lstm with additive attention; unlike baseline: cell gru (lstm)`
    """
    if first is None:
        return f"{summary}; the first run of its group, with which later ones are compared"
    changed = _changed(params, first)
    if not changed:
        return f"{summary}; the same params as {first_name}"
    told = ", ".join(f"{name} {params[key]} ({first[key]})" for key, name in changed.items())
    return f"{summary}; unlike {first_name}: {told}"


def _changed(params: Mapping[str, str], first: Mapping[str, str]) -> dict[str, str]:
    """The keys that both have, with other values, and their short names.

    A key that one lacks came with other code. The name of `model.cell` is `cell`, unless another
    key ends alike.
    """
    endings = [key.rpartition(".")[2] for key in params]
    changed = sorted(key for key in params.keys() & first.keys() if params[key] != first[key])
    return {
        key: ending if endings.count(ending) == 1 else key
        for key in changed
        if (ending := key.rpartition(".")[2])
    }
