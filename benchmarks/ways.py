"""What each way of training fast is worth: R1's training step with it, and without it alone.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.ways

Batches of 64 sentences. The step with all ways is measured before and after each one that is left
out, and the ratio is to the mean of the two.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from attn2seq.batching.sampler import BatchLimits
from attn2seq.model import additive, decoder
from attn2seq.model.device import pick_device, tune_cpu
from attn2seq.model.settings import ModelSettings
from attn2seq.training import epochs, loop, loss
from benchmarks import training_step
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure

SENTENCES, WARM_UP, WINDOWS = 64, 30, 4
ALL_AT_ONCE = {"cpu": 10**12}


def at_random(
    src: NDArray[np.int64], tgt: NDArray[np.int64], limits: BatchLimits, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Batches of as many sentences, whatever their lengths."""
    order = np.random.default_rng([seed, epoch]).permutation(len(src))
    return np.array_split(order, -(-len(order) // limits.sentences))


def when_asked(items: Iterable[Any], make: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """Each batch made at the moment that it is needed."""
    for item in items:
        yield item, make(item)


def without(way: str) -> AbstractContextManager[Any]:
    """Within the block the way is not taken."""
    match way:
        case "bfloat16":
            plain = (pick_device("auto", ""), torch.float32)
            return patch.object(training_step, "_where", lambda place: plain)
        case "loss in chunks":
            return patch.multiple(loss, CHUNK_ROWS=ALL_AT_ONCE, PIECE_ROWS=ALL_AT_ONCE)
        case "softmax in pieces":
            return patch.object(loss, "PIECE_ROWS", ALL_AT_ONCE)
        case "whole-sequence calls":
            return patch.object(ModelSettings, "step_by_step", True)
        case "large scores in parts":
            return patch.object(additive, "HELD", ALL_AT_ONCE)
        case "buckets of lengths":
            return patch.object(epochs, "plan_batches", at_random)
        case "batches made ahead":
            return patch.object(loop, "ahead", when_asked)
        case "gradients after the loop":
            return patch.object(decoder, "deferred_gradients", lambda module: nullcontext())
    raise ValueError(way)


WAYS: Mapping[str, bool] = {  # and whether it is measured with input feeding
    "bfloat16": False,
    "loss in chunks": False,
    "softmax in pieces": False,
    "whole-sequence calls": False,
    "large scores in parts": False,
    "buckets of lengths": False,
    "batches made ahead": False,
    "gradients after the loop": True,
}


def main() -> None:
    tune_cpu()
    place = r1_place()

    def speed(feeding: bool) -> float:
        watch = Watch(warm_up=WARM_UP, windows=WINDOWS)
        return measure(place, SENTENCES, feeding, watch).tokens_per_second

    print(f"{'tokens/s':27}{'input feeding':>15}{'with it':>10}{'without':>10}{'ratio':>8}")
    before = {feeding: speed(feeding) for feeding in set(WAYS.values())}
    for way, feeding in WAYS.items():
        with without(way):
            bare = speed(feeding)
        after = speed(feeding)
        full, before[feeding] = statistics.mean([before[feeding], after]), after
        fed = "yes" if feeding else "no"
        print(f"{way:27}{fed:>15}{full:>10,.0f}{bare:>10,.0f}{full / bare:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
