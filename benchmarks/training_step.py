"""Target tokens a second in training R1, beside the machine's own limit.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src \\
        python -m benchmarks.training_step [SENTENCES ...]

For batches of 64 and of 256 sentences (or as many as are named), without and with input feeding:
the median over windows of real optimizer steps, and its share of what the model's products alone
would allow at the speed of a large product in the same number type on the same device, measured
between the windows. Also the share of padding among the positions of each side's batches.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.config import read_yaml
from attn2seq.errors import StoppedError
from attn2seq.model.device import (
    describe_device,
    moved,
    pick_device,
    pick_number_type,
    tune_cpu,
)
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings
from benchmarks.limit import product_flops, synchronize, training_flop
from benchmarks.r1 import r1_place

SENTENCES = (64, 256)
# In the warm-up most shapes of batches are met, and kernels made for them.
WARM_UP_STEPS, WINDOWS, STEPS_A_WINDOW = 100, 9, 10


@dataclass(frozen=True)
class Speed:
    """Of one way of training."""

    tokens_per_second: float
    limit: float  # target tokens a second, at the speed of a large product
    share: float  # of the limit: the median of the windows' shares
    flop: float  # of the model's products, for a target token


class Watch:
    """Counts the steps, notes time and tokens in windows, and stops training after the last.

    Before the first window and after each one the speed of a large product is measured, so that
    what else the machine does weighs on both: in the model's number type, or in `limit_type`, by
    which number types can be compared. `at_start` and `at_end` are called before the first
    window, after the warm-up, and after the last one.
    """

    def __init__(
        self,
        at_start: Callable[[], object] = lambda: None,
        at_end: Callable[[], object] = lambda: None,
        warm_up: int = WARM_UP_STEPS,
        windows: int = WINDOWS,
        steps: int = STEPS_A_WINDOW,
        limit_type: torch.dtype | None = None,
    ) -> None:
        self.trainer: Trainer | None = None
        self.at_start, self.at_end = at_start, at_end
        self.warm_up, self.windows, self.steps = warm_up, windows, steps
        self.limit_type = limit_type
        self.seconds: list[float] = []  # of each window
        self.tokens: list[int] = []  # target tokens in each
        self.flops: list[float] = []  # a second, before the first window and after each
        self._steps_made = 0
        self._began = (0.0, 0)

    def __call__(self) -> StoppedError | None:
        assert self.trainer is not None
        self._steps_made += 1
        steady = self._steps_made - self.warm_up
        if steady < 0 or steady % self.steps:
            return None
        device, tokens = self.trainer.device, self.trainer.progress.tokens
        synchronize(device)
        if steady:
            self.seconds.append(time.perf_counter() - self._began[0])
            self.tokens.append(tokens - self._began[1])
        ended = len(self.seconds) == self.windows
        if ended:
            self.at_end()
        number_type = self.limit_type or next(self.trainer.model.parameters()).dtype
        self.flops.append(product_flops(number_type, device))
        if ended:
            return StoppedError("enough", 0)
        if not steady:
            self.at_start()
        self._began = (time.perf_counter(), tokens)
        return None

    def speed(self, flop: float) -> Speed:
        """Medians over the windows, for a model that takes so many operations a target token."""
        rates = np.array(self.tokens) / np.array(self.seconds)
        limits = (np.array(self.flops[:-1]) + np.array(self.flops[1:])) / 2 / flop
        medians = (float(np.median(each)) for each in (rates, limits, rates / limits))
        return Speed(*medians, flop)


def measure(place: Path, sentences: int, input_feeding: bool, watch: Watch) -> Speed:
    """The speed of training, beside the limit of its device in the same minutes."""
    model = _train(place, sentences, input_feeding, watch)
    src_tokens, tgt_tokens = (int(lengths.sum()) for lengths in token_counts(place))
    return watch.speed(training_flop(model, src_tokens, tgt_tokens) / tgt_tokens)


def _train(place: Path, sentences: int, input_feeding: bool, watch: Watch) -> Seq2Seq:
    """Train R1 from fresh weights until the watch has seen enough; gives the model."""
    params = read_yaml(place / "params.yaml")
    settings = TrainSettings.model_validate(
        params["train"] | {"batch_sentences": sentences, "evaluate_every_steps": 10**6}
    )
    model_settings = ModelSettings.model_validate(
        params["model"] | {"input_feeding": input_feeding}
    )
    device, number_type = where(place)
    data = place / "data" / "tokenized"
    seed_everything(settings.seed)
    src, tgt = (Tokenizer(data / name).vocabulary_size for name in ("src.model", "tgt.model"))
    model = moved(Seq2Seq(model_settings, src, tgt), device, number_type)
    pairs, dev = (
        Pairs(TokenStore(data / f"{split}.src"), TokenStore(data / f"{split}.tgt"))
        for split in ("train", "dev")
    )
    with tempfile.TemporaryDirectory() as name:
        history = History(Path(name) / "history.csv")
        with CheckpointFolder(Path(name) / "checkpoints", lambda text: None) as checkpoints:
            watch.trainer = Trainer(
                model, lambda epoch: pairs, dev, settings, history, checkpoints,
                lambda text: None, watch,
            )  # fmt: skip
            with contextlib.suppress(StoppedError):
                watch.trainer.run()
    return model


def where(place: Path) -> tuple[torch.device, torch.dtype]:
    """The device that R1 trains on here, and its number type."""
    settings = TrainSettings.model_validate(read_yaml(place / "params.yaml")["train"])
    device = pick_device(settings.device, "train.device")
    return device, pick_number_type(settings.number_type, device)


def padding(place: Path, sentences: int) -> list[float]:
    """Of source and target: the share of padding in the first epoch's batches."""
    settings = TrainSettings.model_validate(read_yaml(place / "params.yaml")["train"])
    sides = token_counts(place)
    limits = BatchLimits(settings.batch_tokens, sentences)
    batches = plan_batches(sides[0] - 1, sides[1] - 1, limits, settings.seed, epoch=0)
    return [
        1 - lengths.sum() / sum(len(batch) * lengths[batch].max() for batch in batches)
        for lengths in sides
    ]


def token_counts(place: Path) -> list[NDArray[np.int64]]:
    """Of source and target: the tokens of each training sentence, eos counted."""
    data = place / "data" / "tokenized"
    return [TokenStore(data / f"train.{side}").lengths + 1 for side in ("src", "tgt")]


def main(sizes: Sequence[int]) -> None:
    tune_cpu()
    place = r1_place()
    device, number_type = where(place)
    kind = str(number_type).removeprefix("torch.")
    print(f"R1, {kind}, {describe_device(device)}; medians of {WINDOWS} windows")
    for sentences in sizes:
        source, target = padding(place, sentences)
        print(f"padding at {sentences} sentences: source {source:.1%}, target {target:.1%}")
    print(
        f"{'input feeding':15}{'sentences':>10}{'MFLOP':>7}{'tokens/s':>10}{'limit':>9}{'share':>8}"
    )
    for sentences in sizes:
        for feeding in (False, True):
            speed = measure(place, sentences, feeding, Watch())
            print(
                f"{'yes' if feeding else 'no':15}{sentences:>10}{speed.flop / 1e6:>7.1f}"
                f"{speed.tokens_per_second:>10,.0f}{speed.limit:>9,.0f}{speed.share:>8.1%}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Target tokens a second in training R1.")
    parser.add_argument("sentences", nargs="*", type=int, default=SENTENCES, help="of a batch")
    main(parser.parse_args().sentences)
