"""A beam whose hypotheses share what is encoded of their source, beside copies for each of them.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src \\
        python -m benchmarks.beams [--turns N] [WORKSPACE ...]

Trains the default model and R1 at the first call, or takes those of workspaces whose stages have
run up to train. 1,000 test sentences with a beam of 5 in float32, and 40 of them one after the
other. Both ways take turns in one process, so that other work on the machine slows both; times are
medians of the turns (of one thread: the processor's time), and `of copies` the median share of what
copies took in the same turn. Memory is the peak of a process of its own for each way, which decodes
the 1,000 once, above what it held before (on Linux).
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import torch
from torch import Tensor

from attn2seq.decoding.translator import Translator
from attn2seq.model.decoder import DecoderState
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq
from benchmarks.decoding import flickr, load
from benchmarks.exported import ALONE, DEFAULT, TOGETHER
from benchmarks.r1 import r1_trained
from benchmarks.tables.runs import trained

BEAM = 5
WAYS = ("copies", "shared")


@dataclass(frozen=True)
class Copied:
    """An encoded batch with a row for each hypothesis, `beam` of them for each sentence."""

    encoded: Encoded
    beam: int

    def select(self, index_B: Tensor) -> "Copied":
        """The sentences at `index_B`, with all their rows."""
        rows_BK = index_B.unsqueeze(1) * self.beam + torch.arange(self.beam)
        return Copied(self.encoded.select(rows_BK.flatten()), self.beam)


class Copies:
    """A StepModel that gives what `model` gives, from copies of the source for each hypothesis."""

    def __init__(self, model: Seq2Seq, beam: int) -> None:
        self.model, self.beam = model, beam

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Copied:
        """The source batch, copied."""
        source_N = torch.arange(len(src_BS)).repeat_interleave(self.beam)
        return Copied(self.model.encode(src_BS, src_lengths_B).select(source_N), self.beam)

    def initial_state(self, encoded: Copied) -> DecoderState:
        """A row for each sentence."""
        rows = len(encoded.encoded.src_BS)
        return self.model.initial_state(encoded.encoded).select(torch.arange(0, rows, self.beam))

    def decode_step(
        self, tokens_N: Tensor, state: DecoderState, encoded: Copied
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """As the model's own, of one hypothesis for each row of the source."""
        return self.model.decode_step(tokens_N, state, encoded.encoded)


def main(workspaces: Sequence[Path], turns: int) -> None:
    places = workspaces or [trained(DEFAULT), r1_trained()]
    print(f"beam {BEAM}, float32, {torch.get_num_threads()} threads; medians of {turns} turns")
    heading = f"{'ms alone':>9}{'of copies':>10}{'s':>8}{'of copies':>10}{'MB':>6}"
    print(f"{'model':24}{'way':8}{heading}")
    for place in places:
        measure(place, turns)


def measure(place: Path, turns: int) -> None:
    """One line for each way."""
    sources = flickr(place, "src")[:TOGETHER]
    singly = sources[:: max(1, len(sources) // ALONE)][:ALONE]
    translators = {way: translator_of(place, way) for way in WAYS}
    alone: dict[str, list[float]] = {way: [] for way in WAYS}
    together: dict[str, list[float]] = {way: [] for way in WAYS}
    for translator in translators.values():  # to warm up
        timed(translator, sources[:100])
    for _ in range(turns):
        for way, translator in translators.items():
            alone[way].append(sum(timed(translator, [one]) for one in singly) / len(singly))
            together[way].append(timed(translator, sources))
    for way in WAYS:
        print(
            f"{place.name:24}{way:8}"
            f"{1000 * statistics.median(alone[way]):>9.1f}{share(alone, way):>10.3f}"
            f"{statistics.median(together[way]):>8.2f}{share(together, way):>10.3f}"
            f"{peak(place, way) / 1e6:>6.0f}",
            flush=True,
        )


def translator_of(place: Path, way: str) -> Translator:
    """With the settings of the workspace otherwise."""
    translator = load(place, beam_size=BEAM, number_type="float32", device="cpu")
    if way == "copies":
        assert isinstance(translator.model, Seq2Seq)
        translator.steps = [Copies(translator.model, BEAM)]
    return translator


def timed(translator: Translator, sources: list[str]) -> float:
    """Seconds to translate them; with one thread those of the processor."""
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    started = clock()
    translator.translate(sources)
    return clock() - started


def share(seconds: dict[str, list[float]], way: str) -> float:
    """The median share of what copies took in the same turn."""
    pairs = zip(seconds[way], seconds["copies"], strict=True)
    return statistics.median(mine / copies for mine, copies in pairs)


def peak(place: Path, way: str) -> int:
    """Bytes that decoding took at most, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(grown, (place, way))


def grown(place: Path, way: str) -> int:
    """Bytes that this process grows by while it decodes all sentences."""
    translator, sources = translator_of(place, way), flickr(place, "src")[:TOGETHER]
    translator.translate(sources[:1])  # libraries take theirs at the first call
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
    before = held_at_most()
    translator.translate(sources)
    return held_at_most() - before


def held_at_most() -> int:
    """Bytes; Linux alone tells."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", nargs="*", type=Path, help="whose trained models to take")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="default: 5")
    given = parser.parse_args()
    main(given.workspace, given.turns)
