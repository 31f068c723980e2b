"""Settings and small models that many tests share."""

import os
import platform
import signal
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import torch
from promises import MAKE_FAULTS, PROMISES, Proof, page
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings

pytest_plugins = [
    "corpus_fixtures", "decoding_fixtures", "phrasebook_fixtures", "runs_fixtures",
    "tokenization_fixtures", "training_fixtures",
]  # fmt: skip
ROOT = Path(__file__).parents[1]
PROOFS = pytest.StashKey[dict[str, Proof]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises",
        type=Path,
        metavar="FILE",
        help="write the promises that tests are marked with, what proved them, and the figures",
    )
    parser.addoption(
        "--all-cases",
        action="store_true",
        help="try all cases of tests/fuzz, not a tenth of them, and all of broken workspaces",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control has what it starts in the background ignore Ctrl-C, and so would
    # the processes that tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # One thread for each process: where as many test at once as there are processors, threads that
    # wait for each other's parts of a small product take twenty times as long as one alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    config.stash[PROOFS] = {
        key: Proof(section in MAKE_FAULTS) for section, keys in PROMISES.items() for key in keys
    }


# Files that one process does, one after the other: each goes on from what the ones before it left.
CHAIN = ("test_end_to_end.py", "test_experiments.py", "test_runs_in_browser.py")


class Together(LoadFileScheduling):
    """What one process does where there are several: a file, whose tests share what they made; all
    of fuzz, whose last test counts what the others tried; and the chain of tests/stages.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        if path.name in CHAIN:
            return str(path.with_name(CHAIN[0]))
        return str(path.parent if path.parent.name == "fuzz" else path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    config.option.loadscopereorder = False  # it would put files of many tests first
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        promises = [marker.args[0] for marker in item.iter_markers("promise")]
        for promise in promises:
            if promise not in config.stash[PROOFS]:
                raise pytest.UsageError(f"{item.nodeid}: no promise {promise!r}")
        if item.get_closest_marker("long") and not promises:
            raise pytest.UsageError(f"{item.nodeid}: long, but of no promise: nothing would run it")
    waiting = {item.path for item in items if "twins" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: _turn(item.path, waiting))


def _turn(path: Path, waiting: set[Path]) -> int:
    """Long files first, so that no process has one left when the others are done; those that need
    the first build after others, which are tested while one process makes it.
    """
    if path.name in CHAIN:
        return 0
    if path in waiting:
        return 2
    return 1 if path.parent.name in ("stages", "fuzz") else 3


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Notes for each promise how the tests marked with it ended, and their figures."""
    report: Any = yield
    if report.when == "call" or report.outcome != "passed":
        for marker in item.iter_markers("promise"):
            test = item.nodeid.partition("[")[0]
            proof = item.config.stash[PROOFS][marker.args[0]]
            proof.add(test, report.outcome, report.user_properties)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--promises")
    if path is not None:
        machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
        versions = f"Python {platform.python_version()}, torch {torch.__version__}"
        text = page(session.config.stash[PROOFS], f"{machine}, {versions}")
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def model_settings() -> Callable[..., ModelSettings]:
    """Settings of a small model; any field can be given."""

    def make(**changes: Any) -> ModelSettings:
        values = {
            "encoder": "recurrent", "decoder": "recurrent", "feed_forward_size": 20,
            "layer_normalisation": "pre", "decoder_mixing": "self_attention",
            "cell": "lstm", "embedding_size": 12, "encoder_layers": 1, "encoder_hidden_size": 8,
            "bidirectional": "all", "reverse_source": False, "decoder_layers": 1,
            "decoder_hidden_size": 16,
            "bridge": "learnt", "attention": "additive", "attention_size": 10,
            "attention_heads": 2, "location_positions": 30, "coverage": False, "copying": False,
            "context_into": "output", "input_feeding": False, "readout_from": "both",
            "readout_size": 12, "residual": False, "embedding_dropout": 0.0, "layer_dropout": 0.0,
            "readout_dropout": 0.0, "variational_dropout": False, "tie_embeddings": "none",
            "freeze_embeddings": False,
        }  # fmt: skip
        return ModelSettings.model_validate(values | changes)

    return make


@pytest.fixture
def small_model(model_settings: Callable[..., ModelSettings]) -> Callable[..., Seq2Seq]:
    """A small model with random weights, vocabularies of 20 and 20, ready to decode."""

    def make(**changes: Any) -> Seq2Seq:
        torch.manual_seed(3)
        return Seq2Seq(model_settings(**changes), 20, 20).eval()

    return make


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The corpus mirror; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("CORPUS_MIRROR", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpus mirror at {folder} (set CORPUS_MIRROR)")
    return folder.resolve()
