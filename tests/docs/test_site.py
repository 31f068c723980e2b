"""The documentation's site: built without a network, whole, and of the settings that there are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PAGES = "docs/site/pages.py"
PROXY = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | PROXY | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the generator reads: the configuration, the code, and the pages."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "mkdocs.yml", project)
    (project / "src").symlink_to(ROOT / "src")
    laid_out = run(PAGES, str(project / ".cache/site"), cwd=ROOT)
    assert laid_out.returncode == 0, laid_out.stderr
    return project


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    built = run("-m", "zensical", "build", "--strict", cwd=project)
    assert built.returncode == 0, built.stdout + built.stderr
    return project / "site"


def test_every_page_of_the_navigation_is_there(project: Path, site: Path) -> None:
    navigation = YAML(typ="safe").load(project / "mkdocs.yml")["nav"]
    named = re.findall(r"[\w/]+\.md", str(navigation))
    assert len(named) > 20
    assert [page for page in named if not (site / page).with_suffix(".html").is_file()] == []
    laid_out = {
        path.relative_to(project / ".cache/site").as_posix()
        for path in (project / ".cache/site").rglob("*.md")
    }
    assert laid_out == set(named)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|img|iframe)[^>]*\bsrc=.?https?:", text), page
        assert not re.search(r"<link[^>]*rel=.?stylesheet[^>]*href=.?https?:", text), page


def test_the_reference_names_every_setting_command_and_key(site: Path) -> None:
    settings = (site / "reference/params.html").read_text(encoding="utf-8")
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    keys = [f"{section}.{key}" for section, values in params.items() for key in values]
    assert [key for key in keys if f"<code>{key}</code>" not in settings] == []
    assert "float32</code>, <code>bfloat16" in settings
    assert "a number from 0 and below 1" in settings
    commands = (site / "reference/command_line.html").read_text(encoding="utf-8")
    assert all(f'id="attn2seq-{verb}"' in commands for verb in ("translate", "gc", "chat", "tune"))
    assert "Translate lines with a trained model." in commands
    catalogue = (site / "reference/catalogue.html").read_text(encoding="utf-8")
    assert all(f"CatalogueEntry.{key}" in catalogue for key in ("reader", "splits", "judged_by"))
    python = (site / "reference/python.html").read_text(encoding="utf-8")
    assert "ready to translate" in python


def test_notebooks_keep_their_code_and_have_their_equations_drawn(
    project: Path, site: Path
) -> None:
    laid_out = (project / ".cache/site/notebooks/attention.md").read_text(encoding="utf-8")
    assert "torch.tanh(self.hidden[depth](final[0]))" in laid_out
    assert "$" not in laid_out
    page = (site / "notebooks/attention.html").read_text(encoding="utf-8")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in page
    assert re.search(r"<p><span><math .*?</math></span> is the source", page)
    assert 'compare_runs.html"' in (site / "notebooks/train_in_python.html").read_text("utf-8")


def test_a_broken_link_is_found(project: Path, site: Path) -> None:
    page = project / ".cache/site/gpu.md"
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole + "\n[nothing](nowhere.md)\n", encoding="utf-8")
    try:
        built = run("-m", "zensical", "build", "--strict", cwd=project)
    finally:
        page.write_text(whole, encoding="utf-8")
    assert built.returncode != 0
    assert "page does not exist" in built.stderr
