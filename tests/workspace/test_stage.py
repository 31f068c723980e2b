"""How a stage ends: its exit status, what it says, and what it leaves."""

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.config import ConfigError, Settings
from attn2seq.errors import UserError
from attn2seq.workspace.stage import Stage, main_root, rare_collections, run_stage
from attn2seq.workspace.syntax_digest import parse

DVC_YAML = """\
stages:
  bake:
    cmd: python -m pipeline.bake
    params: [bake, oven]
    deps: [results/code/bake.txt, flour]
"""
PARAMS = "bake: {minutes: 40}\noven: {degrees: 220}\nother: {a: 1}\n"
CODE = "HEAT = 220\n"
NOTES = f"{parse(CODE.encode()).digest}  pipeline.bake\n"
TIMINGS = Path(".cache/timings")


class BakeSettings(Settings):
    minutes: int


class OvenSettings(Settings):
    degrees: int


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one stage, as the working directory."""
    root = (tmp_path / "repository").resolve()
    for path, text in {
        "dvc.yaml": DVC_YAML,
        "params.yaml": PARAMS,
        "pipeline/bake.py": CODE,
        "results/code/bake.txt": NOTES,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / ".dvc").mkdir()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(root)
    return root


def status_of(main: Callable[[Stage], None], then: Callable[[Stage], None] | None = None) -> object:
    with pytest.raises(SystemExit) as caught:
        run_stage("bake", main, then)
    return caught.value.code


def raises(error: BaseException) -> Callable[[Stage], None]:
    def main(stage: Stage) -> None:
        raise error

    return main


def edits(path: str, text: str) -> Callable[[Stage], None]:
    return lambda stage: (Path(path).write_text(text), None)[1]


def test_a_good_end_writes_its_time_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[bool] = []

    def main(stage: Stage) -> None:
        stage.say("done")
        stage.say_result(Path("bread"))

    run_stage("bake", main, lambda stage: seen.append(TIMINGS.is_dir()))
    assert seen == [True]
    (timing,) = TIMINGS.iterdir()
    assert set(json.loads(timing.read_text())) == {"seconds"}
    assert capsys.readouterr().err == "bake: done\nbake: results in bread\n"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UserError("the oven is cold:\n  light it"), 1, "bake: error: the oven is cold:"),
        (PermissionError(13, "Permission denied", "bread"), 1, "Permission denied: 'bread'"),
        (KeyboardInterrupt(), 130, "bake: interrupted\n"),
    ],
)
def test_what_stops_a_stage(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, text: str
) -> None:
    followed: list[Stage] = []
    assert status_of(raises(error), followed.append) == status
    said = capsys.readouterr().err
    assert said.startswith("bake: ")
    assert text in said
    assert "Traceback" not in said
    assert not followed
    assert not TIMINGS.exists()


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_stage("bake", raises(ZeroDivisionError()))


def test_missing_params_are_a_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").unlink()
    assert status_of(lambda stage: None) == 1
    assert capsys.readouterr().err == "bake: error: params.yaml is missing\n"


@pytest.mark.parametrize(
    ("main", "edited"),
    [
        (edits("params.yaml", PARAMS.replace("220", "180")), "params.yaml, section oven"),
        (edits("pipeline/bake.py", "HEAT = 180"), "pipeline.bake"),
        (
            edits("params.yaml", "bake: {minutes: 9}\noven: {}\n"),
            "params.yaml, section bake, params.yaml, section oven",
        ),
    ],
)
def test_an_edit_meanwhile_is_refused(
    capsys: pytest.CaptureFixture[str], main: Callable[[Stage], None], edited: str
) -> None:
    assert status_of(main) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"bake: error: edited while the stage ran: {edited}. The result")
    assert "run `dvc repro` again" in said
    assert not TIMINGS.exists()


@pytest.mark.parametrize(
    "main",
    [
        edits("params.yaml", "# a comment\n" + PARAMS.replace("a: 1", "a: 2")),
        edits("flour", "data, which DVC itself looks after"),
        edits("pipeline/bake.py", f"# a comment\n{CODE}"),
    ],
)
def test_an_edit_of_what_the_stage_does_not_read_passes(main: Callable[[Stage], None]) -> None:
    run_stage("bake", main)
    assert TIMINGS.is_dir()


@pytest.mark.parametrize(
    ("notes", "said"),
    [("0000000000000000  pipeline.bake\n", "older than the code"), (None, "missing")],
)
def test_code_that_nothing_notes_is_refused(
    capsys: pytest.CaptureFixture[str], notes: str | None, said: str
) -> None:
    """DVC would record the result under the notes."""
    path = Path("results/code/bake.txt")
    path.write_text(notes) if notes else path.unlink()
    assert status_of(lambda stage: Path("bread").touch()) == 1
    assert (
        f"results/code/bake.txt is {said}, and the result would be recorded"
        in capsys.readouterr().err
    )
    assert not Path("bread").exists()


def test_settings_are_those_of_the_section() -> None:
    seen: list[int] = []

    def main(stage: Stage) -> None:
        seen.append(stage.settings(BakeSettings).minutes)
        seen.append(stage.settings(OvenSettings, "oven").degrees)

    run_stage("bake", main)
    assert seen == [40, 220]


def test_settings_are_validated(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text("bake: {minuts: 40}\noven: {degrees: 220}\n")

    def main(stage: Stage) -> None:
        with pytest.raises(ConfigError):
            stage.settings(OvenSettings, "freezer")
        stage.settings(BakeSettings)

    assert status_of(main) == 1
    assert capsys.readouterr().err == (
        "bake: error: params.yaml has 2 errors:\n"
        "  bake.minutes: missing\n"
        "  bake.minuts: unknown key (did you mean bake.minutes?)\n"
    )


def test_the_main_repository_is_the_nearest_with_dvc(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main_root() == workspace
    inner = workspace / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert main_root() == workspace
    (workspace / "a" / ".dvc").mkdir()
    assert main_root() == workspace / "a"


def test_a_queued_experiment_writes_its_time_into_the_main_repository(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    assert main_root() == tmp_path / "main"
    run_stage("bake", lambda stage: None)
    assert (tmp_path / "main" / TIMINGS).is_dir()
    assert not (workspace / ".cache").exists()


def test_two_stages_in_one_workspace(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage of a `dvc` that was killed, and one that the next `dvc repro` begins beside it."""

    def first(stage: Stage) -> None:
        assert status_of(lambda second: Path("bread").touch()) == 1
        said = capsys.readouterr().err
        assert said.startswith(
            f"bake: error: process {os.getpid()} is still running the stage bake in"
        )
        assert f"stop it (kill {os.getpid()}), and run again" in said

    run_stage("bake", first)
    assert not Path("bread").exists()
    run_stage("bake", lambda stage: Path("bread").touch())
    assert Path("bread").exists()


def test_the_lock_of_a_stage_that_failed_is_free() -> None:
    assert status_of(raises(UserError("the oven is cold"))) == 1
    run_stage("bake", lambda stage: None)


def test_collections_come_back_after_a_failure() -> None:
    def bake() -> None:
        with rare_collections():
            assert gc.get_threshold() > usual
            assert gc.get_freeze_count() > kept
            raise UserError("no flour")

    usual, kept = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(UserError):
        bake()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, kept)
