"""Every verb in workspaces of which something is broken or gone: no library's traceback is shown.

Each situation is made in a copy of one finished workspace, and the verbs that could meet it are
tried there. Where it is in their way they say so in their own words; otherwise they work. Of verbs
that are said to do no more than that, a fifth is tried, and all with --all-cases.
"""

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import broken_workspaces as broken
import pytest
from broken_workspaces import Break, address, commit, cut, edit, folder, put, remove
from tracking_server import free_port

from attn2seq.cli import experiment, serve, tune, ui
from attn2seq.cli.main import main

pytestmark = [pytest.mark.promise("mistakes"), pytest.mark.slow]

VERBS: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "summary": ("summary",),
    "results": ("results",),
    "translate": ("translate", "--beam-size", "1", "abc"),
    "model of HEAD": ("translate", "--beam-size", "1", "--model", "HEAD", "abc"),
    "score": ("score", "texts.src", "texts.tgt"),
    "demo": ("demo", "--port", "0"),
    "experiment": ("experiment", "-S", "model.cell=gru"),
    "experiments": ("experiments",),
    "tune": ("tune", "phrasebook-en-de", "--trials", "1"),
    "compare": ("compare", "--page", "HEAD"),
    "track": ("track",),
    "track --all": ("track", "--all"),
    "register": ("register", "--force"),
    "serve": ("serve", "--port", "PORT"),
    "ui": ("ui", "--port", "PORT"),
    "gc": ("gc", "--yes"),
    "recipe": ("recipe", "phrasebook-en-de"),
    "new": ("new", "mine.tsv", "--src-lang", "en", "--tgt-lang", "de", "--force"),
}
# Verbs that could meet a fault of one kind.
SETTINGS = ("check", "summary", "experiments", "compare", "track", "register", "recipe")
RUNS = ("track", "register", "serve", "ui")
CORPORA = ("check", "results", "experiments", "experiment", "new", "recipe")
HISTORY = ("experiments", "compare", "model of HEAD", "gc")
RESULTS = ("summary", "experiments", "compare", "track")
MODELS = ("translate", "score", "demo")
CACHES = ("compare", "track", "gc", "model of HEAD")
OWN_FILES = ("new", "tune", "score")


class Situation(NamedTuple):
    """What is broken, who is tried, and in whose way it must be: verb -> what that says."""

    make: Break
    verbs: Iterable[str]
    told: Mapping[str, str] | None = None


SITUATIONS = {
    "nothing broken": Situation(lambda _: None, VERBS),
    "dvc.yaml missing": Situation(
        remove("dvc.yaml"), SETTINGS, {"check": "dvc.yaml is missing: `git checkout -- dvc.yaml`"}
    ),
    "dvc.yaml empty": Situation(put("dvc.yaml", ""), SETTINGS, {"check": "dvc.yaml is empty"}),
    "dvc.yaml of another shape": Situation(
        put("dvc.yaml", "stages: 3\n"),
        SETTINGS,
        {"check": "dvc.yaml lists no stages", "compare": "dvc.yaml lists no stages"},
    ),
    "params.yaml missing": Situation(
        remove("params.yaml"), SETTINGS, {"check": "`git checkout -- params.yaml` there brings"}
    ),
    "params.yaml empty": Situation(
        put("params.yaml", ""), SETTINGS, {"check": "params.yaml has no sections with keys"}
    ),
    "params.yaml a list": Situation(put("params.yaml", "- a\n"), SETTINGS),
    "a section no section": Situation(put("params.yaml", "download: 3\n"), SETTINGS),
    "a section alone": Situation(
        put("params.yaml", "download: {corpus: [a]}\n"),
        SETTINGS,
        {"register": "params.yaml names no corpus"},
    ),
    "dvc.lock missing": Situation(remove("dvc.lock"), SETTINGS, {"track": "no dvc.lock here"}),
    "dvc.lock in a merge": Situation(
        put("dvc.lock", broken.MERGE),
        SETTINGS,
        {"summary": "is the mark of a merge", "recipe": "git checkout --ours dvc.lock"},
    ),
    "dvc.lock without stages": Situation(
        put("dvc.lock", "stages: {}\n"), SETTINGS, {"track": "dvc.lock has no finished run"}
    ),
    "dvc.lock with odd stages": Situation(
        put("dvc.lock", "stages: {train: 3}\n"),
        SETTINGS,
        {"summary": "the stage train has no keys"},
    ),
    "dvc.lock with odd outs": Situation(
        edit("dvc.lock", "path: models", "poth: models"),
        SETTINGS,
        {"compare": "the stage train has outs without a path"},
    ),
    "dvc.lock in a merge, committed": Situation(
        commit(put("dvc.lock", broken.MERGE), broken.restore),
        HISTORY,
        {"compare": "HEAD has no results to compare: dvc.lock is not YAML"},
    ),
    "params.yaml in a merge, committed": Situation(
        commit(put("params.yaml", broken.MERGE), broken.restore), HISTORY
    ),
    "code that is a link, committed": Situation(broken.a_link_to_elsewhere, HISTORY),
    "mlflow.db no database": Situation(
        put("mlflow.db", "no database\n" * 99),
        RUNS,
        {"track": "Delete the file, and `attn2seq track --all`"},
    ),
    "mlflow.db empty": Situation(put("mlflow.db", ""), RUNS),
    "mlflow.db a folder": Situation(
        folder("mlflow.db"), RUNS, {"track": "is no file: remove it", "ui": "is no file: remove it"}
    ),
    "mlflow.db of a later MLflow": Situation(
        broken.of_a_later_version, RUNS, {"register": "out-of-date database schema"}
    ),
    "artifacts missing": Situation(remove("mlartifacts"), RUNS),
    "a server that is down": Situation(
        address("http://127.0.0.1:PORT"),
        RUNS,
        {"track": "does not answer", "ui": "does not answer"},
    ),
    "a server of no kind": Situation(address("nonsense://there"), RUNS),
    "an address of no host": Situation(address("http://[::1"), RUNS, {"register": "is no address"}),
    "a database without its driver": Situation(
        address("mysql://u@127.0.0.1:1/x"), RUNS, {"register": "does not answer"}
    ),
    "a database in no folder": Situation(address("sqlite:////nonexistent/a.db"), RUNS),
    "catalogue missing": Situation(
        remove("data/catalogue"), CORPORA, {"check": "data/catalogue is missing. `git checkout"}
    ),
    "entry empty": Situation(put("data/catalogue/reversed.yaml", ""), CORPORA),
    "entry cut": Situation(
        put("data/catalogue/reversed.yaml", "a: [\n"),
        CORPORA,
        {"check": "data/catalogue/reversed.yaml, line 2"},
    ),
    "recipes missing": Situation(
        remove("recipes"), CORPORA, {"recipe": "no recipe phrasebook-en-de in recipes/"}
    ),
    "recipes cut": Situation(cut("recipes/*.yaml"), CORPORA),
    "recorded runs cut": Situation(
        cut("benchmarks/results/recorded/*.json"), ("results",), {"results": "not JSON"}
    ),
    "code missing": Situation(remove("src"), ("results", "compare", "track")),
    "git missing": Situation(
        broken.without_git,
        HISTORY,
        {"experiments": "needs git, which is not installed", "gc": "nothing is removed"},
    ),
    "no repository": Situation(remove(".git"), HISTORY, {"experiments": "needs a git repository"}),
    "HEAD damaged": Situation(
        put(".git/HEAD", "rubbish\n"),
        HISTORY,
        {"experiments": "is damaged", "compare": "is damaged", "gc": "nothing is removed"},
    ),
    "no commits": Situation(broken.without_commits, HISTORY),
    "objects missing": Situation(
        broken.without_objects, HISTORY, {"gc": "nothing is removed: `git fsck`"}
    ),
    "results missing": Situation(remove("results"), RESULTS),
    "results a file": Situation(put("results", ""), RESULTS),
    "results cut": Situation(cut("results/**/*.json", "results/**/*.csv"), RESULTS),
    "tables cut": Situation(cut("results/**/*.parquet", "results/**/*.jsonl"), RESULTS),
    "scores of another shape": Situation(put("results/evaluate/metrics.json", "[]"), RESULTS),
    "scores null": Situation(put("results/evaluate/metrics.json", '{"dev": null}'), RESULTS),
    "scores no numbers": Situation(
        put("results/evaluate/metrics.json", '{"dev": {"bleu": "x"}, "test": {"y": 1}}'), RESULTS
    ),
    "scores no text": Situation(put("results/evaluate/metrics.json", b"\xff\xfe{"), RESULTS),
    "prepared texts cut": Situation(cut("data/prepared/*"), RESULTS),
    "facts of another shape": Situation(put("data/prepared/corpus.json", "[]"), RESULTS),
    "model missing": Situation(remove("models"), MODELS),
    "model a file": Situation(put("models/model", ""), MODELS),
    "model cut": Situation(cut("models/model/*"), MODELS),
    "weights missing": Situation(remove("models/model/model.safetensors"), MODELS),
    "settings cut": Situation(cut("models/model/config.json"), MODELS),
    "vocabulary missing": Situation(remove("models/model/tgt.model"), MODELS),
    "vocabulary cut": Situation(cut("models/model/src.model"), MODELS),
    ".dvc missing": Situation(remove(".dvc"), CACHES),
    "DVC's settings cut": Situation(put(".dvc/config", "[core\nx"), CACHES),
    "DVC's settings unknown": Situation(put(".dvc/config", "[core]\n  nonsense = 1\n"), CACHES),
    "DVC's cache missing": Situation(remove(".dvc/cache"), CACHES),
    "DVC's cache a file": Situation(put(".dvc/cache", ""), CACHES),
    "DVC's listings cut": Situation(cut(".dvc/cache/files/md5/*/*.dir"), CACHES),
    "notes cut": Situation(cut(".cache/*/*.json"), CACHES),
    "notes of another shape": Situation(put(".cache/sweeps/1.json", '{"name": 1}'), CACHES),
    "a champion unknown": Situation(put(".cache/champions/reversed.json", "[]"), CACHES),
    "cache a file": Situation(put(".cache", ""), CACHES),
    "files no text": Situation(put("mine.tsv", bytes(range(256))), OWN_FILES),
    "files missing": Situation(remove("texts.src"), OWN_FILES),
    "a folder for a file": Situation(folder("mine.tsv"), OWN_FILES),
    "ranges of another shape": Situation(put("ranges.yaml", "- a\n"), OWN_FILES),
}


def tried(name: str, every: bool) -> list[str]:
    """Those in whose way the situation is, and a fifth of the others, by the situation's place."""
    situation, turn = SITUATIONS[name], list(SITUATIONS).index(name)
    return [
        verb
        for place, verb in enumerate(situation.verbs)
        if every or verb in (situation.told or {}) or (place + turn) % 5 == 0
    ]


@contextmanager
def ended(*_: Any, **__: Any) -> Iterator[SimpleNamespace]:
    """A server, ended by Ctrl-C."""
    yield SimpleNamespace(wait=lambda: 0, poll=lambda: 0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers end at once, and experiments fail at once."""
    monkeypatch.setattr(ui, "served", ended)
    monkeypatch.setattr(serve, "served", ended)
    server = SimpleNamespace(serve_forever=lambda: None)
    monkeypatch.setattr("werkzeug.serving.make_server", lambda *_, **__: server)
    monkeypatch.setattr(experiment, "_dvc", lambda *_: None)
    failing = [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(tune, "_command", lambda *_: failing)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("name", SITUATIONS)
def test_no_library_has_the_last_word(
    name: str, finished_workspace: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    situation = SITUATIONS[name]
    situation.make(finished_workspace)
    told = dict(situation.told or {})
    for verb in tried(name, request.config.getoption("--all-cases")):
        arguments = [str(free_port()) if part == "PORT" else part for part in VERBS[verb]]
        monkeypatch.chdir(finished_workspace)
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        capfd.readouterr()
        status = main(arguments)
        printed, said = capfd.readouterr()
        assert "Traceback" not in printed + said, f"{verb}:\n{printed}{said}"
        assert "cannot go on" not in said, f"{verb} met a library's exception: {said}"
        assert status in (0, 1)
        if status and verb not in ("experiment", "track", "track --all"):
            assert f"attn2seq {arguments[0]}: error: " in said, f"{verb}: {said}"
        wanted = told.pop(verb, None)
        assert (wanted or "") in said
        assert not (wanted and status == 0)
    assert not told
