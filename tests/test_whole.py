"""An output is whole or absent, whatever ends the writing of it."""

import errno
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.whole import whole_folder, write_json


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with whole_folder(tmp_path / "deep" / "out") as folder:
            (folder / text).write_text(text)
    assert contents(tmp_path) == {"deep/out/second": "second"}


@pytest.mark.parametrize("error", [UserError("mistake"), KeyboardInterrupt(), OSError("odd")])
def test_after_an_error_the_old_folder_stays_and_nothing_lies_beside_it(
    tmp_path: Path, error: BaseException
) -> None:
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("old")

    def fail() -> None:
        with whole_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert contents(tmp_path) == {"out/a": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_run_left_beside_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "out.new").mkdir()
    (tmp_path / "out.new" / "stale").write_text("x")
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
    assert contents(tmp_path) == {"out/a": "new"}


@pytest.mark.promise("full disk")
def test_a_full_disk_is_told_with_what_is_free(tmp_path: Path) -> None:
    def fill() -> None:
        with whole_folder(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        UserError, match=r"no space is left on the disk while writing .*out: [\d.]+ GB are free"
    ):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_json_is_whole_and_its_bytes_follow_from_the_values(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "values.json"
    write_json(path, {"b": "ü", "a": 1})
    assert path.read_text(encoding="utf-8") == '{\n  "a": 1,\n  "b": "ü"\n}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text(encoding="utf-8").startswith("{")
    assert [file.name for file in path.parent.iterdir()] == ["values.json"]
