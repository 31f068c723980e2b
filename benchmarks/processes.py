"""Training by two processes of one thread each, beside one process of two threads.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.processes [SENTENCES ...]

R1 with 64 and with 256 sentences to a batch (or as many as are named), on a CPU. In each round one
way is measured after the other, so that what else the machine does weighs on both; what counts is
the median of the rounds' ratios. On a machine with fewer than two idle cores it says little.
"""

import os
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch

from attn2seq.batching.batch import Pairs
from attn2seq.config import read_yaml
from attn2seq.distributed.helpers import together
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.errors import StoppedError
from attn2seq.model.device import pick_number_type, tune_cpu
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings
from benchmarks.r1 import r1_place

SENTENCES = (64, 256)
WARM_UP_STEPS, STEPS, ROUNDS = 40, 60, 5
CPU = torch.device("cpu")


def tokens_per_second(place: Path, sentences: int, ranks: Ranks, threads: int) -> float:
    """Of R1 from fresh weights, trained by the ranks together."""
    torch.set_num_threads(threads)
    params = read_yaml(place / "params.yaml")
    settings = TrainSettings.model_validate(
        params["train"] | {"batch_sentences": sentences, "evaluate_every_steps": 10**6}
    )
    seed_everything(settings.seed)
    data = place / "data" / "tokenized"
    src, tgt = (Tokenizer(data / name).vocabulary_size for name in ("src.model", "tgt.model"))
    model = Seq2Seq(ModelSettings.model_validate(params["model"]), src, tgt)
    model.to(CPU, pick_number_type(settings.number_type, CPU))
    pairs, dev = (
        Pairs(TokenStore(data / f"{split}.src"), TokenStore(data / f"{split}.tgt"))
        for split in ("train", "dev")
    )
    marks: dict[int, tuple[float, int]] = {}

    def enough() -> StoppedError | None:
        step = trainer.optimizer.step_number
        marks.setdefault(step, (time.perf_counter(), trainer.progress.tokens))
        return StoppedError("enough", 0) if step >= WARM_UP_STEPS + STEPS else None

    with tempfile.TemporaryDirectory() as name:
        history = History(Path(name) / "history.csv" if ranks.is_first else Path(os.devnull))
        with CheckpointFolder(Path(name) / "checkpoints", lambda text: None) as checkpoints:
            trainer = Trainer(
                model, lambda epoch: pairs, dev, settings, history, checkpoints,
                lambda text: None, enough, ranks,
            )  # fmt: skip
            with suppress(StoppedError):
                trainer.run()
    (began, before), (ended, after) = (marks[WARM_UP_STEPS + steps] for steps in (0, STEPS))
    return (after - before) / (ended - began)


def main(sizes: tuple[int, ...]) -> None:
    tune_cpu()
    place = r1_place()
    command = [sys.executable, "-m", "benchmarks.processes", *map(str, sizes)]
    with together(2, command) as ranks, ranks.met(CPU):
        if ranks.is_first:
            print("R1 on a CPU, target tokens a second; medians of", ROUNDS, "rounds")
            print(f"{'sentences':>9}{'2 threads':>12}{'2 processes':>13}{'ratio':>8}")
        for sentences in sizes:
            rounds = []
            for _ in range(ROUNDS):
                # The other process waits meanwhile.
                alone = ranks.from_first(partial(tokens_per_second, place, sentences, ALONE, 2))
                rounds.append((alone, tokens_per_second(place, sentences, ranks, 1)))
            speeds = np.array(rounds)
            alone, shared = np.median(speeds, axis=0)
            ratio = np.median(speeds[:, 1] / speeds[:, 0])
            if ranks.is_first:
                print(f"{sentences:>9}{alone:>12,.0f}{shared:>13,.0f}{ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SENTENCES)
