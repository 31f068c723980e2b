"""The runs behind the tables: sound params, and equal terms."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classics import CLASSICS

from attn2seq.model.settings import ModelSettings
from benchmarks.tables import runs, techniques
from benchmarks.tables.classics import (
    BATCHES,
    EPOCHS,
    KINDS,
    R1_RATE,
    R1_WARM_UP,
    RECIPES,
    SEEDS,
    attention_run,
    batch_run,
    multi30k_run,
    recipe_run,
)
from benchmarks.tables.runs import Run
from benchmarks.tables.word_vectors import word_vectors

SEED_1 = techniques.seed_run(1)
KNOWN: dict[str, dict[str, Any]] = {}


def params_of(run: Run) -> dict[str, Any]:
    """As a run has them; worked out once, for it takes a tenth of a second."""
    key = repr(run)
    if key not in KNOWN:
        KNOWN[key] = runs.params_of(run)
    return deepcopy(KNOWN[key])


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "PLACES", tmp_path)
    monkeypatch.setattr(techniques, "tatoeba_vectors", lambda: Path("vectors.txt"))


def test_every_classic_has_a_row() -> None:
    assert set(RECIPES) == set(CLASSICS)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_meet_on_equal_terms(name: str) -> None:
    """All see the same pairs; the corpus and the units are those of the default model."""
    params, usual = params_of(recipe_run(name)), params_of(attention_run("additive", 1))
    assert params["download"] == usual["download"]
    assert params["prepare"] == usual["prepare"]
    assert params["train"]["max_epochs"] == EPOCHS["recipes"]
    model = ModelSettings.model_validate(params["model"])
    assert model.embedding_size == model.decoder_hidden_size == model.enc_size == 256


def test_batches_of_all_sizes_see_as_many_pairs() -> None:
    trains = [params_of(batch_run(sentences, 1))["train"] for sentences in BATCHES]
    assert (trains[0]["learning_rate"], trains[0]["warmup_steps"]) == (R1_RATE, R1_WARM_UP)
    seen = [train["max_steps"] * train["batch_sentences"] for train in trains]
    assert seen == pytest.approx([seen[0]] * len(seen), rel=0.01)
    for train in trains:
        for key in ("max_steps", "batch_sentences", "warmup_steps", "learning_rate"):
            del train[key]
    assert all(train == trains[0] for train in trains)


def test_seeds_and_kinds_differ_in_nothing_else() -> None:
    def apart(run: Run) -> dict[str, Any]:
        params = params_of(run)
        params["model"].pop("attention")
        params["train"].pop("seed")
        return params

    every = [apart(attention_run(kind, seed)) for kind in KINDS for seed in SEEDS]
    assert all(params == every[0] for params in every)
    assert {params_of(multi30k_run(kind))["model"]["attention"] for kind in KINDS} == set(KINDS)


@pytest.mark.parametrize("name", techniques.ROWS)
def test_a_technique_is_one_difference(name: str) -> None:
    """Between the base and the row, beside the keys that belong to the technique itself."""
    base, row = map(params_of, techniques.runs(name))
    technique = techniques.ROWS[name]
    assert difference(base, row) == {
        (section, key)
        for changes in (technique.own, technique.without)
        for section, values in changes.items()
        for key in values
    } | ({("download", "src_vectors")} if technique.vectors else set())


def difference(one: dict[str, Any], other: dict[str, Any]) -> set[tuple[str, str]]:
    """The keys whose values differ, each with its section."""
    return {
        (section, key)
        for section, values in one.items()
        for key, value in values.items()
        if value != other[section][key]
    }


def test_a_run_takes_the_weights_of_another_where_training_is_the_same() -> None:
    every = {run.name: run for name in techniques.ROWS for run in techniques.runs(name)}
    params = {name: params_of(run) for name, run in every.items()}
    for model in (SEED_1, techniques.CAPTIONS):
        taking = {name for name, run in every.items() if model in run.weights_of}
        assert taking
        model_params = params_of(model)
        for name in every:
            differing = difference(params[name], model_params) - {("train", "threads")}
            assert (name in taking) == ({section for section, _ in differing} <= {"decode"})


def test_runs_of_one_name_are_one_run() -> None:
    first: dict[str, Run] = {}
    for name in techniques.ROWS:
        for run in techniques.runs(name):
            assert first.setdefault(run.name, run) == run


def test_an_ensemble_has_the_weights_of_the_seeds_it_names() -> None:
    _, run = techniques.runs("ensemble of three")
    assert [one.name for one in run.weights_of] == list(map(techniques.seed_name, SEEDS))
    assert params_of(run)["decode"]["ensemble"] == list(map(techniques.seed_name, SEEDS[1:]))


def test_words_in_like_company_have_like_vectors() -> None:
    """Eat and drink stand between the same words, eat and the do not."""
    animals, things = ("cat", "dog", "bird", "mouse"), ("milk", "fish", "bread", "water")
    texts = [
        f"The {animal} will {verb} {thing}."
        for animal in animals
        for verb in ("eat", "drink")
        for thing in things
    ]
    words, vectors_WD = word_vectors(texts, 4)
    assert set(words) == {"the", "will", "eat", "drink", ".", *animals, *things}
    assert vectors_WD.shape == (13, 4)
    units_WD = vectors_WD / np.linalg.norm(vectors_WD, axis=1, keepdims=True)
    eat, drink, the = (units_WD[words.index(word)] for word in ("eat", "drink", "the"))
    assert eat @ drink > 0.9
    assert eat @ the < 0.5
