"""A recipe changes values in params.yaml, and nothing else there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attn2seq.errors import UserError
from pipeline.recipe import apply_recipe

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


def apply(params: Path, recipe: str, name: str = "big") -> list[str]:
    recipes = params.parent / "recipes"
    recipes.mkdir()
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


def test_unknown_keys_are_all_named_and_nothing_is_written(params: Path) -> None:
    with pytest.raises(UserError) as error:
        apply(params, "trian: {x: 1}\ntrain: {learnin_rate: 1, betas: {a: 1}}\ndownload: x\n")
    assert str(error.value).splitlines()[1:] == [
        "  trian: unknown key (did you mean train?)",
        "  train.learnin_rate: unknown key (did you mean train.learning_rate?)",
        "  train.betas: holds one value in params.yaml, but is {'a': 1}",
        "  download: holds keys in params.yaml, but is 'x'",
    ]
    assert params.read_text() == PARAMS


def test_an_unknown_recipe_gets_the_nearest_name(params: Path) -> None:
    with pytest.raises(UserError, match=r"no recipe bigg in .*recipes/ \(did you mean big\?\)"):
        apply(params, "", name="bigg")


def test_what_the_check_refuses_is_not_written(params: Path) -> None:
    recipes = params.parent / "recipes"
    recipes.mkdir()
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
