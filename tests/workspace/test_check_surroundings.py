"""The check of what sound params need on this machine: files, models, the driver of a GPU."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from smallest_entry import ENTRY

from attn2seq.config import ConfigError
from attn2seq.model.config_file import CONFIG, read_config
from attn2seq.workspace import check_surroundings as check_surroundings_module
from attn2seq.workspace.check_surroundings import check_surroundings
from attn2seq.workspace.paths import CHECKED
from attn2seq.workspace.stage import Stage
from pipeline import check

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue"


def test_an_ensemble_s_models_must_be_there(
    params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/catalogue").symlink_to(CATALOGUE)
    monkeypatch.chdir(tmp_path)
    for name in ("seed2", "seed3", "seed5"):
        (tmp_path / "data/ensemble" / name).mkdir(parents=True)
    (tmp_path / "data/ensemble/seed2/config.json").touch()
    params["decode"]["ensemble"] = ["seed2", "seed3", "seed4"]
    with pytest.raises(ConfigError) as caught:
        check.main(Stage("check", params, {}))
    there = "holds no model (there: seed2): copy a model's folder there, or leave the name out"
    assert str(caught.value).split("\n") == [
        "params.yaml has 2 errors:",
        *(f"  decode.ensemble: data/ensemble/{name} {there}" for name in ("seed3", "seed4")),
    ]
    assert not CHECKED.exists()
    params["decode"]["ensemble"] = ["seed2"]
    check.main(Stage("check", params, {}))
    assert CHECKED.is_file()


def test_what_sound_params_need_on_this_machine(
    params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files in data/local/, and a driver for a GPU: missed here, and not by a stage hours later."""
    catalogue, local = tmp_path / "catalogue", tmp_path / "local"
    catalogue.mkdir()
    values = ENTRY | {"files": [{"path": "sub/mine.tsv"}]}
    YAML(typ="safe").dump(values, catalogue / "mine.yaml")
    params["download"] |= {"corpus": "mine", "src_vectors": "own.txt"}
    params["train"]["device"] = "cuda"
    monkeypatch.setattr(check_surroundings_module, "has_nvidia_driver", lambda: False)
    with pytest.raises(ConfigError) as caught:
        check_surroundings(params, catalogue, local, tmp_path)
    told = str(caught.value).split("\n")
    assert told[0] == "params.yaml has 3 errors:"
    assert told[1].startswith(f"  download.corpus: {local}/sub/mine.tsv is missing, which ")
    assert told[2].startswith("  download.src_vectors: no vectors 'own.txt'")
    assert told[3].startswith("  train.device: cuda, but no NVIDIA driver is installed")
    (local / "sub").mkdir(parents=True)
    (local / "sub/mine.tsv").touch()
    (local / "own.txt").touch()
    monkeypatch.setattr(check_surroundings_module, "has_nvidia_driver", lambda: True)
    check_surroundings(params, catalogue, local, tmp_path)


def test_the_model_to_start_from_must_fit(
    params: dict[str, Any],
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    def told(**download: str) -> list[str]:
        params["download"] |= download
        try:
            check_surroundings(params, CATALOGUE, tmp_path, tmp_path)
        except ConfigError as error:
            return str(error).split("\n")[1:]
        return []

    (tmp_path / "models").mkdir()
    params["model"] = read_config(model_folder / CONFIG).model.model_dump()
    assert told(start_from=str(model_folder)) == []
    assert told(start_from="a-revision-that-only-git-knows") == []
    params["model"] |= {"cell": "gru", "layer_dropout": 0.7}
    assert told(start_from=str(model_folder)) == [
        "  download.start_from: model.cell is gru, and that model has lstm: make them equal"
    ]
    [error] = told(start_from="models")
    assert "the run replaces what is in models: copy models elsewhere, to data/local" in error
    [error] = told(start_from=str(tmp_path))
    assert "holds no model (config.json is missing)" in error
    [error] = told(start_from=str(model_folder), src_vectors="glove-6b-100d")
    assert "has embeddings of its own" in error
