"""A training step by itself: kernels, launches, waits of the host, memory; and a variant of it.

Of multi30k's recipe and of params.yaml, in bfloat16, on batches of the carried corpora. The top
kernels are kept in profile.txt. "padded encoder" stands for model.fast.padded_lstm on a GPU, which
trains without packing, with its input widened to a multiple of eight.
"""

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from unittest.mock import patch

import torch
from ruamel.yaml import YAML
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from attn2seq.batching.batch import Batch, Pairs
from attn2seq.model import recurrent
from attn2seq.model.device import fix_cublas_workspace, full_precision, moved, tune_cpu
from attn2seq.model.fast.padded_lstm import padded_lstm
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import vocabulary_size
from attn2seq.training.epochs import plan_epoch
from attn2seq.training.objective import batch_loss
from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings
from benchmarks.gpu import CARRIED
from benchmarks.gpu.workspace import PARAMS, device, rehearsal, say
from benchmarks.limit import synchronize

WARM_UP, STEPS, PROFILED = (1, 2, 1) if rehearsal() else (20, 100, 5)
TOP = 30


class Steps:
    """Training steps of a carried corpus's params, one after the other."""

    def __init__(self, corpus: str, where: torch.device) -> None:
        folder = CARRIED / corpus
        params = YAML(typ="safe").load(folder / PARAMS)
        self.settings = TrainSettings.model_validate(params["train"])
        data = folder / "data/tokenized"
        sizes = [vocabulary_size(data / name) for name in ("src.model", "tgt.model")]
        seed_everything(1)
        model = Seq2Seq(ModelSettings.model_validate(params["model"]), *sizes)
        self.model = moved(model, where, torch.bfloat16).train()
        self.optimizer = Optimizer(self.model, self.settings, 10_000)
        pairs = Pairs(TokenStore(data / "train.src"), TokenStore(data / "train.tgt"))
        epoch = plan_epoch(lambda _: pairs, self.settings, 0)
        count = WARM_UP + STEPS + PROFILED + 1
        self.batches: list[list[Batch]] = [
            [epoch.batch(indices, where) for indices in step] for step in epoch.steps[:count]
        ]
        self.done = 0

    def __call__(self) -> None:
        """One step, as the trainer makes it."""
        batches = self.batches[self.done % len(self.batches)]
        tokens = sum(batch.tokens for batch in batches)
        for batch in batches:
            loss = batch_loss(self.model, batch, self.settings, self.optimizer.step_number + 1)
            (loss / tokens).backward()
            self.optimizer.take_gradients()
        self.optimizer.step()
        self.done += 1


def main() -> None:
    tune_cpu()
    fix_cublas_workspace()
    where = device()
    kept = []
    with full_precision():
        for corpus in ("multi30k", "default"):
            steps = Steps(corpus, where)
            milliseconds = timed(steps, where)
            waits = waits_of(steps, where)
            launches, milliseconds_on_gpu, top = profiled(steps, where)
            kept.append(f"{corpus}\n{top}")
            say(
                {
                    f"{corpus}, ms a step": f"{milliseconds:.2f}",
                    "  kernels a step": f"{launches:.0f}, {milliseconds_on_gpu:.2f} ms of them",
                    "  waits a step": waits,
                    "  memory": memory(where),
                }
            )
            if where.type == "cuda":
                with patch.object(recurrent, "packed_rnn", padded_by_eights(recurrent.packed_rnn)):
                    padded = timed(Steps(corpus, where), where)
                say({"  ms a step with a padded encoder": f"{padded:.2f}"})
    (Path(os.environ["GPU_OUT"]) / "profile.txt").write_text("\n".join(kept), encoding="utf-8")


def timed(steps: Steps, where: torch.device) -> float:
    """The median milliseconds of ten steps, of one."""
    for _ in range(WARM_UP):
        steps()
    found = []
    for _ in range(max(1, STEPS // 10)):
        synchronize(where)
        begun = time.perf_counter()
        for _ in range(min(10, STEPS)):
            steps()
        synchronize(where)
        found.append((time.perf_counter() - begun) * 1000 / min(10, STEPS))
    return statistics.median(found)


def waits_of(steps: Steps, where: torch.device) -> str:
    """How often the host waits for the GPU in a step, and where."""
    if where.type != "cuda":
        steps()
        return "not on a CPU"
    synchronize(where)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            steps()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = [f"{Path(each.filename).name}:{each.lineno}" for each in caught]
    return f"{len(places)} ({', '.join(sorted(set(places)))})"


def profiled(steps: Steps, where: torch.device) -> tuple[float, float, str]:
    """Kernels a step, their milliseconds, and a table of those that take longest."""
    on_gpu = where.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        for _ in range(PROFILED):
            steps()
        synchronize(where)
    averages = profiler.key_averages()
    kernels = [each for each in averages if each.device_type.name == where.type.upper()]
    time_of = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    count = sum(each.count for each in kernels) / PROFILED
    milliseconds = sum(getattr(each, time_of) for each in kernels) / 1000 / PROFILED
    return count, milliseconds, averages.table(sort_by=time_of, row_limit=TOP)


def memory(where: torch.device) -> str:
    """What was held at most."""
    if where.type != "cuda":
        return "not on a CPU"
    peak, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    return f"{peak / 2**20:,.0f} MiB in use, {reserved / 2**20:,.0f} MiB taken"


def padded_by_eights(
    packed: Callable[..., tuple[Tensor, object]],
) -> Callable[..., tuple[Tensor, object]]:
    """In place of recurrent.packed_rnn: an LSTM over padding, other cells as they were."""

    def padded(
        rnn: torch.nn.LSTM, inputs_BTI: Tensor, lengths_B: Tensor, start: object = None
    ) -> tuple[Tensor, object]:
        if not isinstance(rnn, torch.nn.LSTM) or start is not None:
            return packed(rnn, inputs_BTI, lengths_B, start)
        wider = torch.nn.functional.pad(inputs_BTI, (0, 7))
        return padded_lstm(cast(torch.nn.LSTM, Wider(rnn)), wider, lengths_B)

    return padded


class Wider:
    """An LSTM with seven inputs more, which do nothing; padded_lstm adds the eighth."""

    def __init__(self, lstm: torch.nn.LSTM) -> None:
        self.lstm = lstm
        self.hidden_size, self.bidirectional = lstm.hidden_size, lstm.bidirectional
        self.training = lstm.training

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """As the LSTM's."""
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                yield name, torch.nn.functional.pad(weight, (0, 7))
            else:
                yield name, weight


if __name__ == "__main__":
    main()
