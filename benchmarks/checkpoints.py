"""The share of the time of training R1 that its checkpoints by the clock take.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.checkpoints [FOLDER]

Saves the whole state of a training several times, as the training loop does, to a temporary folder
or one in the folder that is named. The share is the median of the seconds of one checkpoint, in the
time from one to the next. Those at the evaluations on dev are not counted.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from attn2seq.model.device import tune_cpu
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.loop import FIRST_SAVE_S, SAVE_EVERY_S, SAVE_SHARE
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure

SENTENCES, WARM_UP_STEPS, SAVES = 64, 10, 9


def main(folder: Path | None) -> None:
    seconds: list[float] = []
    sizes: list[int] = []

    def save() -> None:
        trainer = watch.trainer
        assert trainer is not None
        trainer.progress.best_weights = trainer.optimizer.weights()  # as after an evaluation on dev
        with (
            tempfile.TemporaryDirectory(dir=folder) as name,
            CheckpointFolder(Path(name), lambda text: None) as checkpoints,
        ):
            for step in range(SAVES):
                begun = time.perf_counter()
                checkpoints.save(step, trainer._state())
                seconds.append(time.perf_counter() - begun)
            sizes.extend(path.stat().st_size for path in Path(name).glob("*.pt"))

    watch = Watch(at_end=save, warm_up=WARM_UP_STEPS, windows=1)
    tune_cpu()
    measure(r1_place(), SENTENCES, False, watch)
    one = statistics.median(seconds)
    every = max(SAVE_EVERY_S, one / SAVE_SHARE)
    print(f"one checkpoint: {max(sizes) / 1e6:.0f} MB, {one:.2f} s, {max(seconds):.2f} s at most")
    print(f"share of the time, one each {every:.0f} s: {one / (every + one):.2%}")
    print(
        f"share of the first {FIRST_SAVE_S:.0f} s and their one: {one / (FIRST_SAVE_S + one):.2%}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
