"""`attn2seq.train`: a model from pairs of texts, without a workspace."""

import csv
import re
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from tiny_task import PARAMS, write_corpus

import attn2seq

ROOT = Path(__file__).parents[2]
Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    """Of a training that learns the task in seconds."""
    values: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
    for name, value in PARAMS.items():
        section, key = name.split(".")
        values[section][key] = value
    return values


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pairs]:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    found: dict[str, Pairs] = {}
    for split in ("train", "dev", "test"):
        lines = (folder / f"reversed.{split}.tsv").read_text(encoding="utf-8").splitlines()
        found[split] = [(src, tgt) for src, tgt in (line.split("\t") for line in lines)]
    return found


def short(params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    values = deepcopy(params)
    values["train"] |= {"max_steps": 30, "evaluate_every_steps": 10, **changes}
    return values


def test_a_model_learns_the_task(
    params: dict[str, Any], corpus: dict[str, Pairs], tmp_path: Path
) -> None:
    said: list[str] = []
    blank = [("", "A"), (" ", " ")]
    translator = attn2seq.train(
        iter([*corpus["train"], *blank]), corpus["dev"], tmp_path / "model", params,
        name="letters", src_lang="xx", say=said.append,
    )  # fmt: skip
    sources, targets = zip(*corpus["test"], strict=True)
    found = [each.text for each in translator.translate(list(sources))]
    right = sum(one == other for one, other in zip(found, targets, strict=True))
    assert right >= 0.9 * len(targets)
    again = attn2seq.load(tmp_path / "model")
    assert [each.text for each in again.translate(list(sources))] == found
    assert any(f"{len(corpus['train']):,} training pairs" in line for line in said)
    with (tmp_path / "model.training/history.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert any(f"step {steps[-1]}/" in line for line in said)
    assert "# letters" in (tmp_path / "model/README.md").read_text()


def test_equal_calls_give_equal_bytes_in_any_order_of_folders(
    params: dict[str, Any], corpus: dict[str, Pairs], tmp_path: Path
) -> None:
    weights = []
    for name in ("one", "two"):
        attn2seq.train(corpus["train"], corpus["dev"], tmp_path / name, short(params))
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_stopped_training_goes_on(
    params: dict[str, Any], corpus: dict[str, Pairs], tmp_path: Path
) -> None:
    wanted = short(params, max_steps=60)
    attn2seq.train(corpus["train"], corpus["dev"], tmp_path / "whole", wanted)
    said: list[str] = []

    def stop_late(text: str) -> None:
        said.append(text)
        if "step 40/" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attn2seq.train(corpus["train"], corpus["dev"], tmp_path / "halves", wanted, say=stop_late)
    assert not (tmp_path / "halves").exists()
    said.clear()
    attn2seq.train(corpus["train"], corpus["dev"], tmp_path / "halves", wanted, say=said.append)
    assert any("resuming from the checkpoint" in line for line in said)
    assert (tmp_path / "halves/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()
    left = [path.name for path in (tmp_path / "halves.training").iterdir()]
    assert sorted(left) == ["history.csv", "metrics.json"]


def test_fine_tuning_starts_from_the_weights_and_vocabularies_of_a_model(
    params: dict[str, Any], corpus: dict[str, Pairs], tmp_path: Path
) -> None:
    attn2seq.train(corpus["train"], corpus["dev"], tmp_path / "base", short(params))
    # Steps too small to be seen: what training began with is what it ends with.
    still = short(params, learning_rate=1e-12)
    still["tokenize"] |= {"vocabulary_size": 9}
    said: list[str] = []
    fewer = corpus["train"][:100]
    attn2seq.train(
        fewer, corpus["dev"], tmp_path / "tuned", still, start_from=tmp_path / "base",
        say=said.append,
    )  # fmt: skip
    assert any("all weights start from those of a trained model" in line for line in said)
    for name in ("src.model", "tgt.model"):
        assert (tmp_path / "tuned" / name).read_bytes() == (tmp_path / "base" / name).read_bytes()
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("base", "tuned"))
    for name, weight in before.items():
        np.testing.assert_allclose(after[name], weight, rtol=1e-6)


def test_a_model_that_training_cannot_start_from(
    params: dict[str, Any], corpus: dict[str, Pairs], model_folder: Path, tmp_path: Path
) -> None:
    def start(model: Path) -> None:
        attn2seq.train(
            corpus["train"], corpus["dev"], tmp_path / "model", short(params), start_from=model
        )

    with pytest.raises(attn2seq.UserError, match=r"that model has 16; .*: make them equal"):
        start(model_folder)
    part = tmp_path / "part"
    shutil.copytree(model_folder, part, ignore=shutil.ignore_patterns("tgt.model"))
    with pytest.raises(attn2seq.UserError, match=r"tgt\.model is missing: copy the whole"):
        start(part)
    with pytest.raises(attn2seq.UserError, match="holds no model"):
        start(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "pairs", "words"),
    [
        ({"train": {"processes": 2}}, [("a", "b")], "train.processes must be 1 here, got 2"),
        ({"decode": {"ensemble": ["x"]}}, [("a", "b")], "decode.ensemble must be [] here"),
        ({"train": {"seed": -1}}, [("a", "b")], "train.seed"),
        ({}, [], "pairs holds no pair of texts"),
        ({}, [("", "b")], "pairs holds no pair of texts"),
        ({}, [("a", "b"), ("a",)], "pairs: number 2 is no pair of texts, but ('a',)"),
        ({}, [("a", 5)], "pairs: pair 1 does not hold two texts: ('a', 5)"),
        ({}, ["ab"], "pairs: number 1 is no pair of texts, but 'ab'"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    changes: dict[str, Any], pairs: Any, words: str, params: dict[str, Any], tmp_path: Path
) -> None:
    values = deepcopy(params)
    for section, given in changes.items():
        values[section] |= given
    with pytest.raises(attn2seq.UserError, match=re.escape(words)):
        attn2seq.train(pairs, [("a", "A")], tmp_path / "model", values)
    assert list(tmp_path.iterdir()) == []
