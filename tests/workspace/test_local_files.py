"""Which files of data/local make the stage download stale: those that something names."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from smallest_entry import ENTRY

from attn2seq.errors import UserError
from attn2seq.model.config_file import FILES
from attn2seq.preparing.settings import DownloadSettings
from attn2seq.workspace.local_files import checked_text, refuse_other_files


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A catalogue with one corpus, and the folder with its file and others."""
    catalogue, local = tmp_path / "catalogue", tmp_path / "local"
    catalogue.mkdir()
    for name in ("sub/mine.tsv", "own.vec", "other.tsv", *(f"model/{name}" for name in FILES)):
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_text(name, encoding="utf-8")
    values = ENTRY | {"files": [{"path": "sub/mine.tsv"}]}
    YAML(typ="safe").dump(values, catalogue / "mine.yaml")
    return catalogue, local


def text(places: tuple[Path, Path], **changes: Any) -> str:
    values = {"corpus": "mine", "src_vectors": "", "tgt_vectors": "", "start_from": ""} | changes
    return checked_text(DownloadSettings.model_validate(values), *places)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "sub/mine.tsv"),
        ({"tgt_vectors": "own.vec"}, "own.vec"),
        ({"start_from": "local/model"}, "model/model.safetensors"),
    ],
)
def test_a_file_that_is_named_counts_and_others_do_not(
    changes: dict[str, str],
    named: str,
    places: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = text(places, **changes)
    (places[1] / "other.tsv").write_text("edited", encoding="utf-8")
    assert text(places, **changes) == before
    (places[1] / named).write_text("edited", encoding="utf-8")
    assert text(places, **changes) != before
    assert named in before


def test_what_was_checked_is_compared(places: tuple[Path, Path], tmp_path: Path) -> None:
    settings = DownloadSettings(corpus="mine", src_vectors="", tgt_vectors="", start_from="")
    checked = tmp_path / "ok"
    with pytest.raises(UserError, match="is missing"):
        refuse_other_files(checked, settings, *places)
    checked.write_text(text(places), encoding="utf-8")
    refuse_other_files(checked, settings, *places)
    (places[1] / "sub/mine.tsv").write_text("edited", encoding="utf-8")
    with pytest.raises(UserError, match=r"tells of other files .* `dvc repro --force check`"):
        refuse_other_files(checked, settings, *places)
