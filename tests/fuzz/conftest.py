"""One count for all fuzz tests, its table at the end, and vocabularies."""

from io import BytesIO

import pytest
from outcomes import SHARE, Tally
from sentencepiece import SentencePieceTrainer

TALLY = pytest.StashKey[Tally]()
IDS = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3}
PIECES = 20


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts every case of every test."""
    share = 1.0 if request.config.getoption("--all-cases") else SHARE
    return request.config.stash.setdefault(TALLY, Tally(share))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is not None:
        terminalreporter.section("bytes from elsewhere, and what came of them")
        for line in tally.table():
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{tally.cases:,} cases (at least {tally.least_cases:,}); each kind of error at least "
            f"{tally.least_of_each} times, but for {tally.rare() or 'none'}"
        )


def vocabulary(size: int = PIECES, **ids: int) -> bytes:
    """A sentencepiece model of single characters."""
    made = BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["abcdefghijklmnopqrstuvwxyz"]), model_writer=made, vocab_size=size,
        model_type="char", hard_vocab_limit=False, character_coverage=1.0, minloglevel=2,
        **(IDS | ids),
    )  # fmt: skip
    return made.getvalue()


@pytest.fixture(scope="session")
def vocabularies() -> dict[str, bytes]:
    """Those of a model, of another size, and made by another program with its own ids."""
    return {
        "sound": vocabulary(), "small": vocabulary(12), "bos first": vocabulary(bos_id=0, pad_id=2),
        "no pad": vocabulary(pad_id=-1, unk_id=0, bos_id=1, eos_id=2),
    }  # fmt: skip
