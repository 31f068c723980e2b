"""Two runs of one repository: their scores side by side, their curves, and DVC's experiments."""

import json
from pathlib import Path

import pytest
from finished_steps import Twins
from headless_browser import needs_browser, run
from ruamel.yaml import YAML
from tiny_repository import Repository, copy_repository

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compared(twins: Twins, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with a commit and the experiment `greedy`, whose results the workspace holds."""
    repository = Repository(tmp_path_factory.mktemp("compared") / "repository")
    copy_repository(twins.pristine.root, repository.root)
    repository.dvc("exp", "run", "--name", "greedy", "-S", "decode.beam_size=1")
    return repository


def compare(repository: Repository, *arguments: str, status: int = 0) -> str:
    return repository.run("python", "-m", "attn2seq.cli.main", "compare", *arguments, status=status)


def test_a_commit_from_dvcs_cache(compared: Repository) -> None:
    said = compare(compared, "--page", "HEAD")
    assert "test, 40 sentences" in said
    assert "accuracy" in said.lower()
    differing = said[said.index("params that differ") :].splitlines()[1]
    assert differing.split() == ["decode.beam_size", "1", "2"]
    page = (compared.root / "results/compare/HEAD.html").read_text(encoding="utf-8")
    assert "decode.beam_size" in page
    assert compared.run("git", "status", "--porcelain", "results/compare") == ""


def test_an_experiment_and_a_folder_are_the_same_run(compared: Repository) -> None:
    for name in ("greedy", "results", "."):
        said = compare(compared, name)
        assert "no param differs" in said
        differences = [
            line.split()[-3] for line in said.splitlines() if line.startswith("  BLEU ↑")
        ]
        assert differences == ["0", "0"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("gredy", "DVC experiment or folder here (did you mean greedy?)"),
        ("data", "data is not a folder of results: it has no evaluate/sentences.parquet"),
        ("", "name a run: `make compare AGAINST=main`"),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_said(compared: Repository, name: str, wanted: str) -> None:
    said = compare(compared, "--", name, status=1)
    assert said.startswith("attn2seq compare: error: ")
    assert len(said.splitlines()) == 1
    assert wanted in said


def test_results_that_are_gone_are_named_with_the_remedy(
    compared: Repository, tmp_path: Path
) -> None:
    clone = Repository(tmp_path / "clone")
    compared.run("git", "clone", "--quiet", str(compared.root), str(clone.root))
    said = compare(clone, "HEAD", status=1)
    assert "the workspace lacks data/prepared/test.parquet" in said
    assert "`dvc checkout` brings it back, `make repro` makes it" in said


def test_a_commit_whose_files_are_not_at_hand_is_compared_by_its_scores(
    compared: Repository, tmp_path: Path
) -> None:
    """As in a clone after the first `make repro` there: its own results, none of the commit's."""
    clone = Repository(tmp_path / "clone")
    copy_repository(compared.root, clone.root)
    lock = YAML(typ="safe").load(clone.run("git", "show", "HEAD:dvc.lock"))
    md5s = {out["md5"] for stage in ("train", "evaluate") for out in lock["stages"][stage]["outs"]}
    cache = clone.root / ".dvc/cache/files/md5"
    aside = {
        path: path.read_bytes() for md5 in md5s if (path := cache / md5[:2] / md5[2:]).exists()
    }
    for path in aside:
        path.unlink()
    said = compare(clone, "--page", "HEAD")
    scores = json.loads(clone.run("git", "show", "HEAD:results/evaluate/metrics.json"))
    bleu = [line for line in said.splitlines() if line.startswith("  BLEU ↑")]
    assert bleu[0].split()[3] == f"{scores['test']['bleu']:.2f}"
    assert "The scores that HEAD recorded, without significance tests or sentences:" in said
    assert "results/evaluate/sentences.parquet is not at hand" in said.replace("\n", " ")
    assert "no page" in said
    assert "decode.beam_size" in said
    # Committed, the clone's own run is a baseline of which everything is at hand.
    for md5 in set(clone.digests().values()) & md5s:  # those that both runs have alike
        if (path := cache / md5[:2] / md5[2:]) in aside:
            path.write_bytes(aside[path])
    clone.run("git", "commit", "-q", "-am", "My baseline")
    assert "p boot." in compare(clone, "HEAD")


def test_experiments_fit_into_a_terminal(compared: Repository) -> None:
    lines = compared.run("python", "-m", "attn2seq.cli.main", "experiments").splitlines()
    assert max(map(len, lines)) <= 80
    (greedy,) = [place for place, line in enumerate(lines) if line.strip().startswith("greedy")]
    assert lines[greedy + 1].strip() == "decode.beam_size=1"
    assert "Accuracy" in lines[0]
    scored = compared.root / "results/evaluate/metrics.json"
    accuracy = json.loads(scored.read_text(encoding="utf-8"))["test"]["accuracy"]
    assert lines[greedy].split()[1] == f"{accuracy:.2f}"


def test_plots_draw_the_workspace_and_every_experiment(compared: Repository) -> None:
    compared.run("python", "-m", "attn2seq.cli.main", "plots")
    page = (compared.root / "results/plots/index.html").read_text(encoding="utf-8")
    assert '"rev": "greedy"' in page
    assert '"rev": "workspace"' in page


@needs_browser
def test_dvcs_curves_are_drawn_without_a_network(compared: Repository, tmp_path: Path) -> None:
    compared.run("python", "-m", "attn2seq.cli.main", "plots", "HEAD", "greedy")
    page = (compared.root / "results/plots/index.html").read_text(encoding="utf-8")
    assert "https://cdn" not in page
    # A module runs after this script: look once it has drawn.
    script = """
      setTimeout(() => {
        const charts = [...document.querySelectorAll('.vega-embed .marks')];
        document.title = charts.length;
      }, 2000);
      return 'waiting';
    """
    assert run(page, script, tmp_path) == "4"
