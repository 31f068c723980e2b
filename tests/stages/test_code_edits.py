"""What `dvc repro` runs after an edit of the code: the stages that the edit can concern."""

import pytest
from finished_steps import stages_run
from tiny_repository import Repository

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


def edit(repository: Repository, path: str, old: str, new: str) -> None:
    file = repository.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_edit_runs_the_stages_that_it_concerns(built: Repository) -> None:
    # A comment and a docstring.
    edit(built, "src/attn2seq/config.py", '"""', '# Edited.\n"""Edited. ')
    # The message of a module that can change no output.
    edit(built, "src/attn2seq/workspace/lock.py", "another process is", "some process is")
    # The text of an error.
    edit(built, "src/attn2seq/workspace/stage.py", "edited while the stage ran", "edited since")
    # German inflection, where the corpus is none that the phrasebook makes.
    with (built.root / "src/attn2seq/phrasebook/german.py").open("a", encoding="utf-8") as file:
        file.write("\nSUFFIX = 'er'\n")
    assert stages_run(built.dvc("repro")) == ["code"]
    # A number in the model.
    before = built.digests()
    edit(built, "src/attn2seq/model/attention.py", 'float("-inf")', "-1e4")
    assert stages_run(built.dvc("repro", "train")) == ["code", "train"]
    assert built.digests()["data/tokenized"] == before["data/tokenized"]


def test_a_stage_that_is_run_alone_needs_notes_of_its_code(built: Repository) -> None:
    """Else DVC would record what it makes under the code of the last `dvc repro`."""
    edit(built, "src/attn2seq/decoding/beam.py", "\nimport", "\nEDITED = 1\nimport")
    said = built.dvc("repro", "--single-item", "--force", "decode", status=255)
    assert "results/code/decode.txt is older than the code" in said
    assert "Traceback" not in said
