"""The stage hands on what its settings say: threads, number type, operations that repeat."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from attn2seq.model.settings import ModelSettings
from attn2seq.training.settings import TrainSettings
from attn2seq.workspace.stage import Stage
from pipeline import train

PARAMS = Path(__file__).parents[2] / "params.yaml"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model_settings: Callable[..., ModelSettings],
    train_settings: Callable[..., TrainSettings],
) -> Run:
    """Runs the stage with the settings; how things stood when training would have begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    found: dict[str, Any] = {}

    def note(*arguments: Any) -> None:
        found.update(
            model=arguments[3],
            settings=arguments[4],
            device=arguments[5],
            number_type=arguments[6],
            threads=torch.get_num_threads(),
            repeats=torch.are_deterministic_algorithms_enabled(),
        )

    monkeypatch.setattr(train, "train_model", note)
    monkeypatch.setattr(train, "train_fingerprint", lambda *_: "some")
    monkeypatch.setattr(train, "follow", lambda *_: nullcontext())
    monkeypatch.setattr(train, "remember_training", lambda *_: None)

    def stage(**changes: Any) -> dict[str, Any]:
        sections = {"train": train_settings(**changes), "model": model_settings()}
        values = {name: section.model_dump() for name, section in sections.items()}
        values["features"] = YAML(typ="safe").load(PARAMS)["features"]
        threads = torch.get_num_threads()
        try:
            train.main(Stage("train", values, {}))
        finally:
            torch.set_num_threads(threads)
        assert found["settings"] == sections["train"]
        assert found["model"] == sections["model"]
        return found

    return stage


def test_the_device_and_the_number_type(run: Run) -> None:
    for name, number_type in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        found = run(number_type=name)
        assert found["number_type"] == number_type
        assert found["device"] == torch.device("cpu")


def test_the_threads(run: Run) -> None:
    usual = torch.get_num_threads()
    assert [run(threads=threads)["threads"] for threads in (1, 3, 0)] == [1, 3, usual]


def test_operations_that_do_not_repeat_are_off_where_that_is_asked(run: Run) -> None:
    for wanted in (False, True):
        assert run(deterministic=wanted)["repeats"] is wanted
    assert not torch.are_deterministic_algorithms_enabled()
