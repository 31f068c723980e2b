"""What the experiments of a grid are called: by the values that differ between them.

[["train.seed=1", "model.cell=gru"], ["train.seed=2", "model.cell=gru"]]
"seed=1", "seed=2"
"""

import re
from collections.abc import Collection, Sequence

from attn2seq.errors import UserError

# DVC keeps an experiment under a git ref; nothing is left that git or a shell reads otherwise.
NOT_IN_NAMES = re.compile(r"[^\w.=,+-]+|\.\.+|\.$")
NAME = re.compile(r"\w[\w.=,+-]*")


def values_of(points: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """The keys that vary over the points, short where that is clear -> the value of each point.

    Where none varies, as with a single point, all keys.
    """
    columns: dict[str, list[str]] = {}
    for point in points:
        for override in point:
            key, _, value = override.partition("=")
            columns.setdefault(key.lstrip("+~"), []).append(value)
    varied = {key: values for key, values in columns.items() if len(set(values)) > 1} or columns
    endings = [key.rpartition(".")[2] for key in varied]
    short = {key: key.rpartition(".")[2] for key in varied}
    return {
        short[key] if endings.count(short[key]) == 1 else key: values
        for key, values in varied.items()
    }


def experiment_names(
    points: Sequence[Sequence[str]], prefix: str | None, taken: Collection[str | None]
) -> list[str]:
    """A name for each point, unlike the others and those taken. Raises UserError for the prefix."""
    if prefix is not None and not NAME.fullmatch(prefix):
        raise UserError(
            f"--name {prefix}: letters, digits and any of _ . = , + - make a name, a letter or "
            "digit first"
        )
    columns = values_of(points)
    names: list[str] = []
    for index in range(len(points)):
        parts = [f"{key}={values[index]}" for key, values in columns.items()]
        if prefix is not None:
            parts = [prefix, *parts] if len(points) > 1 else [prefix]
        plain = name = NOT_IN_NAMES.sub("-", ",".join(parts) or "again")
        number = 1
        while name in taken or name in names:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
    return names
