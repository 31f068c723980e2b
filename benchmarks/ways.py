"""What each way of training fast is worth: R1's training step with it, and without it alone.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.ways

Batches of 64 sentences. The step with all ways is measured before and after each one that is left
out. The ratio is that of the mean of the two to what is left without it, each set beside the speed
of a large float32 product of the same seconds: a machine's own speed may change by a third from one
minute to the next.
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
from attn2seq.model import attention, decoder, recurrent
from attn2seq.model.device import tune_cpu
from attn2seq.model.settings import ModelSettings
from attn2seq.training import epochs, loop, loss
from benchmarks import training_step
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure

SENTENCES, WARM_UP, WINDOWS = 64, 30, 4
ALL_AT_ONCE = 10**12
AFTER_THE_LOOP = "gradients after the loop"  # the one that input feeding asks for


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


# What stands in its place where a way is left out.
WAYS: Mapping[str, AbstractContextManager[Any]] = {
    "bfloat16": patch.object(training_step, "pick_number_type", lambda *_: torch.float32),
    "loss in chunks": patch.object(loss, "CPU_ROWS", ALL_AT_ONCE),
    "whole-sequence calls": patch.object(ModelSettings, "step_by_step", True),
    "padded encoder": patch.object(recurrent, "padded_lstm", recurrent.packed_rnn),
    "additive scores by sigmoids": patch.object(
        attention, "additive_scores_on_cpu", attention.additive_scores
    ),
    "buckets of lengths": patch.object(epochs, "plan_batches", at_random),
    "batches made ahead": patch.object(loop, "ahead", when_asked),
    AFTER_THE_LOOP: patch.object(decoder, "deferred_gradients", lambda _: nullcontext()),
}


def main() -> None:
    tune_cpu()
    place = r1_place()

    def share(feeding: bool) -> float:
        watch = Watch(warm_up=WARM_UP, windows=WINDOWS, limit_type=torch.float32)
        return measure(place, SENTENCES, feeding, watch).share

    head = "of the float32 limit"
    print(f"{head:27}{'input feeding':>15}{'with it':>10}{'without':>10}{'ratio':>8}")
    before = {feeding: share(feeding) for feeding in (False, True)}
    for way, left_out in WAYS.items():
        feeding = way == AFTER_THE_LOOP
        with left_out:
            bare = share(feeding)
        after = share(feeding)
        full, before[feeding] = statistics.mean([before[feeding], after]), after
        fed = "yes" if feeding else "no"
        print(f"{way:27}{fed:>15}{full:>10.1%}{bare:>10.1%}{full / bare:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
