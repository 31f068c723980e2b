"""Pairs cut anew for each epoch: the same whoever asks, in whatever order and process."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attn2seq.batching.batch import Pairs
from attn2seq.segmentation import resampled
from attn2seq.segmentation.counter_random import Words, uniforms
from attn2seq.segmentation.resampled import ResampledPairs
from attn2seq.tokenization.token_store import TokenSequences

SRC = Path(__file__).parents[2] / "src"
LENGTHS = [3, 0, 5, 9, 1] * 7


class Repeats:
    """Each token once to three times, as a number of its line says."""

    def sample(
        self, lines: Sequence[NDArray[Any]], numbers: NDArray[np.int64], key: Words
    ) -> list[NDArray[np.int64]]:
        times = 1 + (3 * uniforms(key, numbers)).astype(int)
        return [np.repeat(line, count) for line, count in zip(lines, times, strict=True)]


def sequences(offset: int) -> TokenSequences:
    ends = np.cumsum([0, *LENGTHS])
    return TokenSequences((np.arange(ends[-1]) % 90 + offset).astype(np.uint16), ends)


PAIRS = Pairs(sequences(4), sequences(200))


def rows(side: TokenSequences) -> list[list[int]]:
    return [side[index].tolist() for index in range(len(side))]


def epochs(*wanted: int, sides: str = "src tgt", seed: int = 1, most: int = 100) -> list[Any]:
    samplers = {side: Repeats() for side in sides.split()}
    with ResampledPairs(PAIRS, samplers, seed, most, epochs=4) as pairs_of_epoch:
        found = [pairs_of_epoch(epoch) for epoch in wanted]
    return [(rows(pairs.src), rows(pairs.tgt)) for pairs in found]


def test_an_epoch_is_the_same_whatever_was_asked_for_before() -> None:
    """As a resumed training asks: first for epoch 0, then for the one where it stopped."""
    in_order = epochs(0, 1, 2, 3, 4)
    assert epochs(0, 3, 4) == [in_order[epoch] for epoch in (0, 3, 4)]
    assert epochs(4, 2, 2) == [in_order[epoch] for epoch in (4, 2, 2)]


def test_epochs_sides_and_seeds_differ() -> None:
    (first, second), (other,) = epochs(0, 1), epochs(0, seed=2)
    assert len({str(rows) for rows in (first[0], second[0], other[0])}) == 3
    lengths = [[len(row) for row in side] for side in first]
    assert lengths[0] != lengths[1]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = epochs(0, 1)
    monkeypatch.setattr(resampled, "_CHUNK_LINES", 4)
    assert epochs(0, 1) == whole


def test_a_side_without_a_sampler_stays() -> None:
    ((src, tgt),) = epochs(0, sides="tgt")
    assert src == rows(PAIRS.src)
    assert tgt != rows(PAIRS.tgt)


def test_no_text_grows_beyond_the_limit_and_longer_ones_stay() -> None:
    ((src, _),) = epochs(0, most=8)
    for drawn, own in zip(src, rows(PAIRS.src), strict=True):
        assert len(drawn) <= 8 or drawn == own
        assert len(own) <= 8 or drawn == own
    ((free, _),) = epochs(0)
    cut_back = [a == b for a, b in zip(src, free, strict=True)]
    assert 0 < sum(cut_back) < len(cut_back)


def test_lengths_fit_the_rows() -> None:
    with ResampledPairs(PAIRS, {"src": Repeats()}, 1, 100, epochs=4) as pairs_of_epoch:
        src = pairs_of_epoch(0).src
    assert src.lengths.tolist() == [len(row) for row in rows(src)]


def test_a_fault_in_the_thread_is_raised_where_the_epoch_is_asked_for() -> None:
    class Broken(Repeats):
        def sample(self, *_: Any) -> list[NDArray[np.int64]]:
            raise ValueError("broken")

    with (
        ResampledPairs(PAIRS, {"src": Broken()}, 1, 100, epochs=4) as pairs_of_epoch,
        pytest.raises(ValueError, match="broken"),
    ):
        pairs_of_epoch(0)


def test_leaving_the_block_does_not_wait_for_the_epoch_that_is_made_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of its four chunks no more than the one at work is cut."""
    monkeypatch.setattr(resampled, "_CHUNK_LINES", 10)
    asked: list[int] = []
    left = threading.Event()

    class Waiting(Repeats):
        def sample(self, lines: Any, numbers: Any, key: Words) -> list[NDArray[np.int64]]:
            asked.append(len(lines))
            if len(asked) > 4:
                left.wait(20)
            return super().sample(lines, numbers, key)

    def leave() -> None:
        while not pairs_of_epoch._ended.wait(20):
            pass
        left.set()

    with ResampledPairs(PAIRS, {"src": Waiting()}, 1, 100, epochs=4) as pairs_of_epoch:
        threading.Thread(target=leave, daemon=True).start()
        pairs_of_epoch(0)
    assert asked[:4] == [10, 10, 10, 5]
    assert len(asked) <= 5


SCRIPT = """
import hashlib, sys
from pathlib import Path
import numpy as np
from attn2seq.batching.batch import Pairs
from attn2seq.segmentation.resampled import ResampledPairs
from attn2seq.segmentation.bpe_dropout import BpeDropout
from attn2seq.segmentation.nbest_sampling import NbestSampling
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.tokenization.vocabulary import learn_vocabulary, vocabulary_specs
folder = Path(sys.argv[1])
texts = [f"satz{n % 13} wortlaut{n * n % 17} tausend{n % 7}" for n in range(1200)]
stores, samplers = {}, {}
for side, kind in (("src", "unigram"), ("tgt", "bpe")):
    settings = TokenizeSettings(
        model_type=kind, vocabulary_size=30, joint_vocabulary=True, tgt_model_type="same",
        tgt_vocabulary_size=0, character_coverage=1.0, byte_fallback=False,
        user_defined_symbols=[], max_training_lines=0, seed=1)
    path = folder / f"{side}.model"
    path.write_bytes(learn_vocabulary(texts, vocabulary_specs(settings)["src"], settings))
    tokenizer = Tokenizer(path)
    write_token_store(folder / side, tokenizer.encode(texts))
    stores[side] = TokenStore(folder / side)
    samplers[side] = (
        NbestSampling(tokenizer, 8, 0.2) if kind == "unigram" else BpeDropout(tokenizer, 0.1))
digest = hashlib.sha256()
with ResampledPairs(Pairs(**stores), samplers, 7, 100, 3) as pairs_of_epoch:
    for epoch in (0, 1):
        for side in (pairs_of_epoch(epoch).src, pairs_of_epoch(epoch).tgt):
            for index in range(len(side)):
                digest.update(side[index].tobytes())
            digest.update(side.lengths.tobytes())
print(digest.hexdigest())
"""


def test_two_fresh_processes_draw_the_same_bytes(tmp_path: Path) -> None:
    """With both samplers, on one thread and on four."""
    found = []
    for threads in ("1", "4"):
        (tmp_path / threads).mkdir()
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / threads)], capture_output=True,
            text=True, check=True, env={"PYTHONPATH": str(SRC), "OMP_NUM_THREADS": threads},
        )  # fmt: skip
        found.append(done.stdout)
    assert found[0] == found[1]
    assert len(found[0].strip()) == 64
