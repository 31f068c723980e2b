"""What is counted as closure and as path, on projects of a few lines."""

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import closure
from benchmarks.closure import PATH_OF_A_SENTENCE, Watch, stage_modules

ROOT = Path(__file__).parents[2]
SCRIPT = '''\
"""A stage."""

from attn2seq.room.plain import used


def run_stage(name, main):
    print("ran", name)
    main(name)


def main(stage):
    used()
'''
FILES = {
    "dvc.yaml": """\
stages:
  code: {cmd: python -m pipeline.code}
  train: {cmd: PYTHONPATH=src python -m pipeline.train}
""",
    "params.yaml": "download: {corpus: phrasebook-en-de}\n"
    + "".join(f"{section}: {{}}\n" for section in closure.SMALL),
    "data/catalogue/phrasebook-en-de.yaml": "generator: {train: 24000}\n",
    "pipeline/__init__.py": "",
    "pipeline/code.py": SCRIPT.replace("plain", "other"),
    "pipeline/train.py": SCRIPT,
    "src/attn2seq/__init__.py": '"""The library."""\n',
    "src/attn2seq/room/__init__.py": "BEGUN = 1\n",
    "src/attn2seq/room/other.py": "def used():\n    pass\n",
    "src/attn2seq/room/plain.py": """\
from typing import TYPE_CHECKING

from attn2seq import record

if TYPE_CHECKING:
    from attn2seq import hint


def used():
    from attn2seq.room import lazy

    return [lazy.twice(record.ONE) for _ in range(2)]


def not_used():
    return 1
""",
    "src/attn2seq/room/lazy.py": """\
def same(function):
    return function


@same
def twice(value):
    return 2 * value
""",
    "src/attn2seq/record.py": "ONE = 1\n\n\nclass Record:\n    one = ONE\n",
    "src/attn2seq/hint.py": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_closure_has_lazy_imports_and_none_for_type_checkers(project: Path) -> None:
    files = closure.closure(project, "pipeline.train")
    assert {path.relative_to(project).as_posix() for path in files} == {
        "pipeline/train.py",
        "src/attn2seq/record.py",
        "src/attn2seq/room/__init__.py",
        "src/attn2seq/room/lazy.py",
        "src/attn2seq/room/plain.py",
    }


def test_the_path_holds_the_files_whose_functions_ran(project: Path) -> None:
    """Not `other`, which only the stage `code` calls, nor `record`, in which no function is."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.closure", os.fspath(project)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = {line[:24].strip(): line[24:].split() for line in ended.stdout.splitlines()}
    script, plain, lazy = (
        FILES[f"{name}.py"].count("\n")
        for name in ("pipeline/train", "src/attn2seq/room/plain", "src/attn2seq/room/lazy")
    )
    assert rows["path of a sentence"] == ["3", str(script + plain + lazy)]
    assert rows["functions of that path"] == [str(2 + 4 + 2 + 3)]  # main, used, same, twice
    assert rows["all of pipeline/"] == ["3", str(2 * script)]


def test_functions_of_threads_are_seen_and_those_of_other_times_are_not() -> None:
    def before() -> None:
        pass

    def within() -> None:
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()

    def in_thread() -> None:
        pass

    watch = Watch()
    before()
    watch.call(within)
    before()
    names = {code.co_name for code in watch.functions if code.co_filename == __file__}
    assert names == {"within", "in_thread"}
    assert set(watch.lines(ROOT)) == set()  # this file is none of src/ or pipeline/


def test_each_stage_of_the_path_can_be_run_and_watched() -> None:
    modules = stage_modules(ROOT)
    assert set(PATH_OF_A_SENTENCE) < set(modules)
    for module in modules.values():
        script = importlib.import_module(module)
        assert callable(script.main)
        assert callable(script.run_stage)
