"""A recipe changes values in params.yaml, and nothing else there."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.workspace.recipes import DEFAULTS, apply_recipe, known_recipes
from pipeline.check import check_params

ROOT = Path(__file__).parents[2]

PARAMS = """\
# What the project is run with.
download:
  corpus: phrasebook-en-de   # an entry of data/catalogue/

train:
  # Step size of the optimizer.
  learning_rate: 1e-3
  betas: [0.9, 0.999]
  note: 'quoted'     # kept as it is
  resume: no         # a word to YAML 1.2, not a truth value
"""


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    return path


@pytest.fixture(autouse=True)
def recipes(params: Path) -> Path:
    """With the defaults, which are what params.yaml holds."""
    folder = params.parent / "recipes"
    folder.mkdir()
    (folder / "phrasebook-en-de.yaml").write_text(PARAMS)
    return folder


def apply(params: Path, recipe: str, name: str = "big") -> list[str]:
    recipes = params.parent / "recipes"
    (recipes / "big.yaml").write_text(recipe)
    return apply_recipe(name, recipes, params, check=lambda values: None)


def test_only_the_overridden_values_change(params: Path) -> None:
    changes = apply(
        params, "download: {corpus: multi30k-en-de}\ntrain: {learning_rate: 0.0005, resume: no}\n"
    )
    assert changes == [
        "download.corpus: phrasebook-en-de -> multi30k-en-de",
        "train.learning_rate: 0.001 -> 0.0005",
    ]
    wanted = PARAMS.replace("phrasebook-en-de  ", "multi30k-en-de    ")
    assert params.read_text() == wanted.replace("1e-3", "0.0005")


def test_a_recipe_that_is_in_force_leaves_the_file_alone(params: Path) -> None:
    assert apply(params, "train: {betas: [0.9, 0.999]}\n") == []
    assert params.read_text() == PARAMS


def test_what_a_recipe_does_not_name_goes_back_to_its_default(params: Path) -> None:
    apply(params, "train: {learning_rate: 0.5}\n")
    assert apply(params, "download: {corpus: scan}\n") == [
        "download.corpus: phrasebook-en-de -> scan",
        "train.learning_rate: 0.5 -> 0.001",
    ]


@pytest.mark.parametrize("name", known_recipes(ROOT / "recipes"))
def test_every_recipe_is_sound(name: str, tmp_path: Path) -> None:
    recipes = ROOT / "recipes"
    params = tmp_path / "all.yaml"
    params.write_bytes((ROOT / "params.yaml").read_bytes())
    check = partial(check_params, catalogue=ROOT / "data" / "catalogue")
    apply_recipe(name, recipes, params, check)
    assert apply_recipe(name, recipes, params, check) == []


def test_the_defaults_hold_every_key() -> None:
    values = read_yaml(ROOT / "recipes" / f"{DEFAULTS}.yaml")
    check_params(values, ROOT / "data" / "catalogue")


def test_unknown_keys_are_all_named_and_nothing_is_written(params: Path) -> None:
    with pytest.raises(UserError) as error:
        apply(params, "trian: {x: 1}\ntrain: {learnin_rate: 1, betas: {a: 1}}\ndownload: x\n")
    heading, *lines = str(error.value).splitlines()
    assert heading == f"{params.parent}/recipes/big.yaml, against {params}, has 4 errors:"
    assert lines == [
        "  download: holds keys in params.yaml, but is 'x'",
        "  train.betas: holds one value in params.yaml, but is {'a': 1}",
        "  train.learnin_rate: unknown key (did you mean train.learning_rate?)",
        "  trian: unknown key (did you mean train?)",
    ]
    assert params.read_text() == PARAMS


def test_an_unknown_recipe_gets_the_nearest_name(params: Path) -> None:
    with pytest.raises(UserError, match=r"no recipe bigg in .*recipes/ \(did you mean big\?\)"):
        apply(params, "", name="bigg")


def test_what_the_check_refuses_is_not_written(params: Path, recipes: Path) -> None:
    (recipes / "big.yaml").write_text("train: {learning_rate: -1}\n")
    seen: list[Mapping[str, Any]] = []

    def check(values: Mapping[str, Any]) -> None:
        seen.append(values)
        raise UserError("negative")

    with pytest.raises(UserError, match="negative"):
        apply_recipe("big", recipes, params, check)
    assert seen[0]["train"]["learning_rate"] == -1
    assert seen[0]["train"]["resume"] == "no"
    assert params.read_text() == PARAMS
