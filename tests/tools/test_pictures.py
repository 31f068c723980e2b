"""The README's pictures are taken of what is there, and what is missing is told."""

from pathlib import Path

import pictures
import pytest
from browser import find_browser

REPORT = """<!doctype html><section id="sentences"><ol id="list">
<li><details><summary>a sentence</summary>its map</details></ol></section>"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dvc").mkdir()  # a repository of its own
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_without_a_browser_it_says_what_to_install(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(place))
    assert pictures.main([]) == 1
    assert capsys.readouterr().err.startswith(
        "pictures: error: no Chromium is installed: install the package chromium"
    )


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_what_is_not_there_is_left_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.main([]) == 1
    told = capsys.readouterr().err
    assert told.count("pictures: left out: ") == 3
    assert "results/report/index.html is missing" in told
    assert not (place / "docs").exists()
    assert not (place / "mlflow.db").exists()
    (place / "results/report").mkdir(parents=True)
    (place / "results/report/index.html").write_text(REPORT)
    assert pictures.main([]) == 0
    assert capsys.readouterr().out.startswith("pictures: docs/pictures/report.webp, ")
    [picture] = (place / "docs/pictures").iterdir()
    assert picture.read_bytes()[8:12] == b"WEBP"
