"""What DVC's charts need in .dvc: told where it is gone, with a remedy that works."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from attn2seq.cli.plots import CURVES, TEMPLATE, prepare
from attn2seq.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.mark.promise("mistakes")
@pytest.mark.parametrize("gone", [".dvc", CURVES])
def test_files_of_dvc_that_are_gone(tmp_path: Path, gone: str) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True)

    curves = tmp_path / CURVES
    curves.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / CURVES, curves)
    # As if DVC had been told of the template, which takes a start of it.
    (tmp_path / ".dvc/config.local").write_text(f"[plots]\n    html_template = {TEMPLATE}\n")
    git("init", "--quiet")
    git("add", "--force", ".")
    git("commit", "--quiet", "--message", "All")
    prepare(tmp_path)
    path = tmp_path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UserError) as error:
        prepare(tmp_path)
    assert str(error.value).startswith(f"{path} is missing: `git checkout -- {gone}`")
    git(*re.findall("`git (.*)`", str(error.value))[0].split())
    prepare(tmp_path)
    assert (tmp_path / ".dvc" / TEMPLATE).is_file()
