"""The call on a GPU machine: each part ends by itself, whatever the others do; what is carried."""

from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as call
from benchmarks.gpu.__main__ import Part
from benchmarks.gpu.carry import PRESENT, missing

SAYS = "print('= speed: 7'); print('more')"
ENDLESS = "import time; print('= begun: yes', flush=True); time.sleep(60)"


def test_a_part_that_fails_or_takes_too_long_keeps_no_other_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (
        Part("broken", 60, ("-c", "print('= seen: 1'); raise SystemExit(3)")),
        Part("endless", 6, ("-c", ENDLESS)),
        Part("sound", 60, ("-c", SAYS)),
    )
    monkeypatch.setattr(call, "PARTS", parts)
    assert call.main(["--out", str(tmp_path)]) == 1
    rows = (tmp_path / "table.txt").read_text(encoding="utf-8").splitlines()
    words = [" ".join(row.split()) for row in rows]
    assert words[1].startswith("broken")
    assert words[1].endswith("failed (3)")
    assert words[2] == "seen: 1"
    assert words[3].endswith("stopped at its limit")
    assert words[4] == "begun: yes"
    assert words[5].endswith("ok")
    assert words[6:] == ["speed: 7"]
    assert "\n".join(rows) in capsys.readouterr().out
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert log.index("== broken") < log.index("== endless") < log.index("more")


def test_parts_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (Part("one", 60, ("-c", SAYS)), Part("two", 60, ("-c", "raise SystemExit(1)")))
    monkeypatch.setattr(call, "PARTS", parts)
    assert call.main(["one", "--out", str(tmp_path)]) == 0
    with pytest.raises(SystemExit, match="2"):
        call.main(["three", "--out", str(tmp_path)])


def test_all_parts_fit_the_time_that_a_machine_is_lent_for() -> None:
    assert call.SECONDS <= 480
    *others, last = call.PARTS
    assert last.name == "multi30k"
    assert call.SECONDS - sum(part.seconds for part in others) >= 140


def test_carried_are_the_packages_that_stages_import_and_no_others() -> None:
    names = set(missing())
    assert {"pydantic", "pydantic-core", "ruamel-yaml", "rouge-score", "sacremoses"} <= names
    assert not names & {*PRESENT, "dvc", "mlflow", "torch"}
