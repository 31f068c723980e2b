"""Training and decoding of a model of GNMT v2's size on a GPU, beside the GPU's own limit.

    PYTHONPATH=src python -m benchmarks.gnmt_gpu [--tiny]

On random ids (benchmarks/gnmt.py says which), in bfloat16. Tokens are those of source and target,
eos counted and padding not. Medians of windows of steps, of passes over all sentences, and of
sentences alone. The limit is what the products alone would take at the speed of a large product,
or, for a sentence alone, of the decoder's products at the speed of one of as few rows as the beam
has. `--tiny` shrinks all sizes, so that a CPU can try the code.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from attn2seq.ahead import ahead
from attn2seq.batching.batch import Batch, make_batch, pad_batch
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.ensemble import Member
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.model.device import (
    describe_device,
    fix_cublas_workspace,
    full_precision,
    moved,
    pick_device,
    pick_number_type,
    tune_cpu,
)
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.training.objective import batch_loss
from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings
from benchmarks.decoding import search
from benchmarks.gnmt import (
    LONGEST,
    SEED,
    Endless,
    Ids,
    gnmt_params,
    synthetic_pairs,
)
from benchmarks.limit import multiply_adds, product_flops, synchronize, training_flop

BEAMS = (1, 5)


@dataclass(frozen=True)
class Sizes:
    """How much is measured; batches in sentences."""

    units: int
    vocabulary: int
    training_batch: int
    windows: int
    steps_a_window: int
    decoding_batch: int
    sentences: int  # of a pass over all
    passes: int
    alone: int  # sentences decoded by themselves


FULL = Sizes(1024, 32_000, 384, 9, 20, 512, 3072, 5, 100)
TINY = Sizes(16, 100, 8, 1, 2, 4, 6, 1, 1)


def main(sizes: Sizes) -> None:
    tune_cpu()
    fix_cublas_workspace()
    params = gnmt_params(sizes.units)
    device = pick_device("auto", "train.device")
    # bfloat16 on every GPU that this is meant for, and on a CPU what it can.
    number_type = pick_number_type("auto", device)
    seed_everything(SEED)
    settings = ModelSettings.model_validate(params["model"])
    model = Seq2Seq(settings, sizes.vocabulary, sizes.vocabulary)
    moved(model, device, number_type)
    weights = sum(weight.numel() for weight in model.parameters())
    kind = str(number_type).removeprefix("torch.")
    print(f"GNMT v2 of {weights:,} weights, {kind}, {describe_device(device)}")
    print(f"{'':34}{'measured':>10}{'limit':>12}{'share':>8}")
    flops = product_flops(number_type, device)
    measure_training(model, TrainSettings.model_validate(params["train"]), sizes, flops)
    model.eval()
    sources, _ = synthetic_pairs(sizes.sentences, sizes.vocabulary)
    steps = Translating(model)
    for beam_size in BEAMS:
        measure_decoding(steps, decode_settings(params, beam_size), sources, sizes, flops)
    for beam_size in BEAMS:
        few_rows = product_flops(number_type, device, rows=beam_size)
        measure_alone(steps, decode_settings(params, beam_size), sources[: sizes.alone], few_rows)


def measure_training(model: Seq2Seq, settings: TrainSettings, sizes: Sizes, flops: float) -> None:
    """Print the row of windows of steps; the first one warms up."""
    device = next(model.parameters()).device
    steps = (1 + sizes.windows) * sizes.steps_a_window
    optimizer = Optimizer(model, settings, steps)
    pairs = synthetic_pairs(steps * sizes.training_batch, sizes.vocabulary)
    batches = batches_of_like_length(*pairs, sizes.training_batch, device)
    model.train()
    rates, limits = [], []
    for _ in range(1 + sizes.windows):
        synchronize(device)
        started, flop, tokens = time.perf_counter(), 0.0, 0
        for _ in range(sizes.steps_a_window):
            batch, src_tokens, tgt_tokens = next(batches)
            loss = batch_loss(model, batch, settings, optimizer.step_number + 1)
            (loss / tgt_tokens).backward()
            optimizer.take_gradients()
            if not math.isfinite(norm := optimizer.step()):
                raise SystemExit(f"a gradient of norm {norm}: such a step updates nothing")
            flop += training_flop(model, src_tokens, tgt_tokens)
            tokens += src_tokens + tgt_tokens
        synchronize(device)
        rates.append(tokens / (time.perf_counter() - started))
        limits.append(tokens * flops / flop)
    rate, limit = statistics.median(rates[1:]), statistics.median(limits[1:])
    row(f"training, batch {sizes.training_batch}, tokens/s", rate, limit, rate / limit)


def batches_of_like_length(
    sources: list[Ids], targets: list[Ids], sentences: int, device: torch.device
) -> Iterator[tuple[Batch, int, int]]:
    """As training takes them, each with its source and its target tokens."""
    src, tgt = (np.array(list(map(len, side))) for side in (sources, targets))
    limits = BatchLimits(tokens=sentences * (LONGEST + 1), sentences=sentences)

    def make(indices: Ids) -> Batch:
        return make_batch(
            [sources[index] for index in indices], [targets[index] for index in indices], device
        )

    for indices, batch in ahead(plan_batches(src, tgt, limits, SEED, epoch=0), make):
        yield batch, int(src[indices].sum()) + len(indices), int(tgt[indices].sum()) + len(indices)


def decode_settings(params: dict[str, Any], beam_size: int) -> DecodeSettings:
    """The recipe's; a beam of one refuses its coverage penalty."""
    changes = {"beam_size": beam_size} | ({"coverage_penalty": 0.0} if beam_size == 1 else {})
    return DecodeSettings.model_validate(params["decode"] | changes)


class Translating:
    """A model as the Translator has it: on a GPU steps of few rows are recorded."""

    def __init__(self, model: Seq2Seq) -> None:
        self.device = next(model.parameters()).device
        self.multiply_adds = multiply_adds(model)
        endless = Endless(model)
        self.steps: Member = RecordedSteps(endless) if self.device.type == "cuda" else endless

    def __call__(self, settings: DecodeSettings, batch: Sequence[Ids]) -> None:
        """Search the translations of one batch, each as long as its source."""
        find = greedy_search if settings.beam_size == 1 else beam_search
        found = find(self.steps, *pad_batch(batch, self.device), settings)
        if [len(best.tokens) for best, *_ in found] != [len(source) + 1 for source in batch]:
            raise SystemExit("a translation is not as long as its source")


def measure_decoding(
    translate: Translating, settings: DecodeSettings, sources: list[Ids], sizes: Sizes, flops: float
) -> None:
    """Print the row of all sentences, in batches of like length."""
    ordered, size = sorted(sources, key=len, reverse=True), sizes.decoding_batch
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def one_pass() -> None:
        for batch in batches:
            translate(settings, batch)

    seconds = median_seconds([one_pass] * sizes.passes, translate.device)
    src_macs, tgt_macs = translate.multiply_adds
    tokens = sum(len(source) + 1 for source in sources)
    limit = 2 * tokens * (src_macs + settings.beam_size * tgt_macs) / flops
    row(
        f"{search(settings.beam_size)}, batch {size}, sentences/s",
        len(sources) / seconds,
        len(sources) / limit,
        limit / seconds,
    )


def measure_alone(
    translate: Translating, settings: DecodeSettings, sources: list[Ids], flops: float
) -> None:
    """Print the row of one sentence at a time."""
    calls = [partial(translate, settings, [source]) for source in sources]
    seconds = median_seconds(calls, translate.device)
    steps = statistics.median(len(source) + 1 for source in sources)
    limit = 2 * steps * settings.beam_size * translate.multiply_adds[1] / flops
    name = f"{search(settings.beam_size)}, one sentence, ms"
    row(name, 1000 * seconds, 1000 * limit, limit / seconds, digits=1)


def median_seconds(calls: Sequence[Callable[[], object]], device: torch.device) -> float:
    """Of the calls, after the first one was made once more to warm up."""
    calls[0]()
    seconds = []
    for call in calls:
        synchronize(device)
        started = time.perf_counter()
        call()
        synchronize(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def row(name: str, measured: float, limit: float, share: float, digits: int = 0) -> None:
    print(f"{name:34}{measured:>10,.{digits}f}{limit:>12,.{digits}f}{share:>8.1%}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Speed of GNMT v2's size on a GPU.")
    parser.add_argument("--tiny", action="store_true", help="small sizes, on a CPU where need be")
    tiny = parser.parse_args().tiny
    if not tiny and not torch.cuda.is_available():
        raise SystemExit("gnmt_gpu: torch sees no GPU here; --tiny tries the code on the CPU")
    with full_precision():  # as the stages compute
        main(TINY if tiny else FULL)
