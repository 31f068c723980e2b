"""Which stages an edit makes stale: what each stage runs is known, and no more."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.workspace.code_digests import (
    APART,
    code_digest,
    is_generated,
    script_of,
    stage_digests,
    stage_files,
)
from attn2seq.workspace.fingerprint import RUN_STAGES

ROOT = Path(__file__).parents[2]
STAGES = [name for name in read_yaml(ROOT / "dvc.yaml")["stages"] if name != "code"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project's code."""
    for folder in ("src/attn2seq", "pipeline"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    return tmp_path


def stale(
    tree: Path, path: str, old: str = "", new: str = "\nMORE = 3\n", generated: bool = True
) -> set[str]:
    """The stages whose digests change with the edit; without `old` it is added at the end."""
    before = {stage: stage_digests(tree, stage, generated) for stage in STAGES}
    text = (tree / path).read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new) if old else text + new
    (tree / path).write_text(text, encoding="utf-8")
    return {stage for stage in STAGES if stage_digests(tree, stage, generated) != before[stage]}


def test_a_constant_in_attention(tree: Path) -> None:
    changed = stale(tree, "src/attn2seq/model/attention.py", 'float("-inf")', "-1e9")
    assert changed == {"train", "decode"}


def test_a_comment_or_a_docstring(tree: Path) -> None:
    before = {stage: stage_digests(tree, stage, True) for stage in STAGES}
    for path in sorted((tree / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"""', '"""Read: ', 1) + "# a comment\n", encoding="utf-8")
    assert {stage: stage_digests(tree, stage, True) for stage in STAGES} == before


def test_a_message_where_no_output_can_change(tree: Path) -> None:
    path = "src/attn2seq/workspace/lock.py"
    assert stale(tree, path, "another process is still", "another one is still") == set()


def test_a_path_counts_where_it_is_used(tree: Path) -> None:
    path = "src/attn2seq/workspace/paths.py"
    assert stale(tree, path, new="\nMORE = Path('more')\n") == set()
    changed = stale(tree, path, "data/tokenized", "data/ids")
    assert changed == {"tokenize", "train", "report"}


def test_every_path_counts_for_a_module_that_imports_them_all(tree: Path) -> None:
    whole = "\nfrom attn2seq.workspace import paths\n"
    assert stale(tree, "src/attn2seq/decoding/beam.py", new=whole) == {"decode"}
    path = "src/attn2seq/workspace/paths.py"
    assert stale(tree, path, "mlflow.db", "runs.db") == {"decode"}


def test_german_inflection_counts_only_where_its_corpus_is_made(tree: Path) -> None:
    path = "src/attn2seq/phrasebook/german.py"
    assert stale(tree, path, generated=False) == set()
    assert stale(tree, path, generated=True) == {"download"}


def test_the_search_is_no_part_of_training(tree: Path) -> None:
    assert stale(tree, "src/attn2seq/decoding/beam.py") == {"decode"}
    assert stale(tree, "src/attn2seq/training/loop.py") == {"train"}


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("report/templates/charts.html", {"check", "report"}),
        ("phrasebook/data/names.tsv", {"download"}),
        ("report/templates/.charts.html.swp", set()),
        ("training/.loop.py.swp", set()),
        ("training/loop.py~", set()),
        ("training/.DS_Store", set()),
    ],
)
def test_data_of_a_package_counts_and_what_editors_leave_does_not(
    tree: Path, path: str, changes: set[str]
) -> None:
    before = {stage: stage_digests(tree, stage, True) for stage in STAGES}
    with (tree / "src/attn2seq" / path).open("a", encoding="utf-8") as file:
        file.write("/* more */\n")
    assert {stage for stage in STAGES if stage_digests(tree, stage, True) != before[stage]} == (
        changes
    )


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_a_script_loads_counts(stage: str) -> None:
    """All modules that are there once the script is imported, but for those that are left out."""
    program = (
        "import importlib, json, sys\n"
        f"importlib.import_module({script_of(ROOT, stage)!r})\n"
        "own = [n for n in sys.modules if n.split('.')[0] in ('attn2seq', 'pipeline')]\n"
        "print(json.dumps(own))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env={"PYTHONPATH": "src:."}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(json.loads(found.stdout.splitlines()[-1]))
    counted = set(stage_files(ROOT, stage, True))
    left_out = {name for name in loaded - counted if not _is_apart(name)}
    # What only a module that is left out imports is left out with it.
    assert len(loaded & counted) > 5
    assert not left_out & set(_imported_by_counted(counted)), left_out


def test_scripts_and_stages_share_their_names() -> None:
    """Two scripts would hide modules of the standard library from whoever runs one by its path."""
    apart = {"tokenize": "tokenize_corpus", "code": "code_digests"}
    for stage in [*STAGES, "code"]:
        assert script_of(ROOT, stage) == f"pipeline.{apart.get(stage, stage)}"


def test_every_stage_depends_on_its_notes_and_on_no_code() -> None:
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    assert stages["code"]["outs"] == [f"results/code/{stage}.txt" for stage in STAGES]
    for stage in STAGES:
        code = {dep for dep in stages[stage]["deps"] if dep.startswith(("results/code", "src"))}
        # The model's card holds the digest of all code that the scores follow from.
        also = RUN_STAGES if stage == "package" else ()
        assert code == {f"results/code/{name}.txt" for name in (stage, *also)}


def test_one_name_for_the_code_of_several_stages(tree: Path) -> None:
    before = code_digest(tree, ("train", "decode"), False)
    assert len(before) == 8
    assert before != code_digest(tree, ("train",), False)
    stale(tree, "src/attn2seq/decoding/beam.py")
    assert code_digest(tree, ("train", "decode"), False) != before
    assert code_digest(tree, ("train",), False) == code_digest(ROOT, ("train",), False)


def test_what_is_no_python_is_named(tree: Path) -> None:
    (tree / "src/attn2seq/model/attention.py").write_text("def :\n")
    with pytest.raises(UserError, match=r"attention\.py is not valid Python"):
        stage_digests(tree, "train", False)


@pytest.mark.parametrize(
    ("corpus", "generated"),
    [("phrasebook-en-de", True), ("multi30k-en-de", False), ("none-such", True), (3, True)],
)
def test_which_corpora_are_generated(corpus: object, generated: bool) -> None:
    assert is_generated(ROOT, {"download": {"corpus": corpus}}) is generated


def test_what_is_left_out_exists_and_has_a_reason() -> None:
    for name, reason in APART.items():
        path = ROOT / "src" / name.rstrip(".").replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
        assert reason


def _is_apart(name: str) -> bool:
    return any(f"{name}.".startswith(entry) for entry in APART if entry.endswith(".")) or (
        name in APART
    )


def _imported_by_counted(counted: set[str]) -> set[str]:
    from attn2seq.workspace.syntax_digest import parse

    files = stage_files(ROOT, "check", True) | {
        name: path for stage in STAGES for name, path in stage_files(ROOT, stage, True).items()
    }
    modules = [files[name] for name in counted if files[name].suffix == ".py"]
    return {name for path in modules for name in parse(path.read_bytes()).imports}
