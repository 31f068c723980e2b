"""Writes a recipe's overrides into params.yaml, whose comments and layout stay as they are.

A recipe, `recipes/<name>.yaml`, holds the keys in which a published or tuned system differs from
the defaults, `recipes/phrasebook-en-de.yaml`, which hold every key. All others are set to their
default, so that a recipe is the same system whatever stood in params.yaml before:

    download: {corpus: multi30k-en-de}
    train:
      learning_rate: 0.0005
"""

import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from attn2seq.config import ConfigError, format_faults, nearest, plain, read_yaml, shown
from attn2seq.errors import UserError
from attn2seq.whole import whole_file
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.paths import CATALOGUE, PARAMS, RECIPES

DEFAULTS = "phrasebook-en-de"


def write_recipe(name: str | None) -> list[str]:
    """Apply a recipe in the workspace; the lines to print. Raises UserError."""
    if name is None:
        raise UserError(f"name one recipe: {', '.join(known_recipes(RECIPES))}")
    changes = apply_recipe(name, RECIPES, PARAMS, partial(check_params, catalogue=CATALOGUE))
    return changes or [f"{PARAMS} already is what the recipe wants"]


def apply_recipe(
    name: str, recipes: Path, params: Path, check: Callable[[Mapping[str, Any]], object]
) -> list[str]:
    """Write the recipe's values into `params`; a line for each change. Raises UserError.

    `check` sees the result first: what it raises leaves `params` as it was.
    """
    return set_params(read_recipe(name, recipes), params, check, f"{recipes / name}.yaml")


def set_params(
    overrides: Mapping[str, Any],
    params: Path,
    check: Callable[[Mapping[str, Any]], object],
    source: str,
) -> list[str]:
    """The same for values that stand in `source`, as messages call it."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # a long comment or value stays on its line
    yaml.indent(mapping=2, sequence=4, offset=2)
    read_yaml(params)  # for its messages
    values = yaml.load(params.read_text(encoding="utf-8"))
    faults = list(_unknown_keys(overrides, values))
    if faults:
        raise ConfigError(format_faults(f"{source}, against {params},", faults))
    changes = list(_override(values, overrides))
    text = io.StringIO()
    yaml.dump(values, text)
    check(YAML(typ="safe").load(text.getvalue()))
    if changes:
        with whole_file(params) as beside:
            beside.write_text(text.getvalue(), encoding="utf-8")
    return changes


def merge(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`merge({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})` gives `{"a": {"b": 1, "c": 3}}`."""
    merged = dict(defaults)
    for key, value in overrides.items():
        inner = merged.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = merge(inner, value)
        merged[key] = value
    return merged


def known_recipes(recipes: Path) -> list[str]:
    """The names that can be given."""
    return sorted(path.stem for path in recipes.glob("*.yaml"))


def read_recipe(name: str, recipes: Path) -> dict[str, Any]:
    """All params, with the recipe's over the defaults. Raises UserError where there is none."""
    known = known_recipes(recipes)
    if name in known:
        return merge(read_yaml(recipes / f"{DEFAULTS}.yaml"), read_yaml(recipes / f"{name}.yaml"))
    guess = nearest(name, known)
    hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known) or 'none'}"
    raise UserError(f"no recipe {plain(name)} in {recipes}/ ({hint})")


def _unknown_keys(
    overrides: Mapping[str, Any], values: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    """A fault for each key of the recipe that params.yaml lacks, or that is no section there."""
    for key, value in overrides.items():
        if key not in values:
            guess = nearest(key, list(values))
            hint = f" (did you mean {prefix}{guess}?)" if guess else ""
            yield f"{prefix}{plain(key)}: unknown key{hint}"
        elif isinstance(values[key], Mapping) != isinstance(value, Mapping):
            wanted = "holds keys" if isinstance(values[key], Mapping) else "holds one value"
            yield f"{prefix}{key}: {wanted} in params.yaml, but is {shown(value)}"
        elif isinstance(value, Mapping):
            yield from _unknown_keys(value, values[key], f"{prefix}{key}.")


def _override(values: Any, overrides: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Set the values in place, where they differ; a line for each that did."""
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _override(values[key], value, f"{prefix}{key}.")
        elif values[key] != value:
            yield f"{prefix}{key}: {values[key]} -> {value}"
            values[key] = value
