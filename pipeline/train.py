"""Train the model of params.yaml on the tokenized corpus.

Where several processes train, the first runs the stage, and the others help it.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from attn2seq.distributed.helpers import together
from attn2seq.distributed.ranks import Ranks, is_helper
from attn2seq.errors import UserError
from attn2seq.features.settings import FeatureSettings
from attn2seq.model.device import (
    describe_device,
    fix_cublas_workspace,
    pick_device,
    pick_number_type,
    repeatable,
    tune_cpu,
)
from attn2seq.model.settings import ModelSettings
from attn2seq.runs.attempt import attempt
from attn2seq.runs.beside import follow, remember_training
from attn2seq.runs.circumstances import processor
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History, Row
from attn2seq.training.run import train_model
from attn2seq.training.settings import TrainSettings
from attn2seq.workspace.fingerprint import train_fingerprint
from attn2seq.workspace.paths import (
    CHECKPOINTS,
    HISTORY,
    TIMINGS,
    TOKENIZED,
    TRAIN_METRICS,
    TRAIN_RESULTS,
    TRAINED,
    WEIGHTS,
)
from attn2seq.workspace.stage import Stage, help_stage, main_root, run_stage
from attn2seq.workspace.stop_requests import StopRequests, stop_requests

COMMAND = (sys.executable, "-m", "pipeline.train")


@dataclass(frozen=True)
class Training:
    """What is to be trained, and where."""

    settings: TrainSettings
    model_settings: ModelSettings
    features: FeatureSettings
    ranks: Ranks
    device: torch.device
    number_type: torch.dtype
    machine: dict[str, str]
    fingerprint: str

    def run(
        self,
        history: History,
        checkpoints: CheckpointFolder,
        say: Callable[[str], None],
        requests: StopRequests,
    ) -> None:
        """Together with the other processes, if there are any."""
        with (
            repeatable(self.settings.deterministic, "train.deterministic"),
            self.ranks.met(self.device),
        ):
            if not self.ranks.agree(self.fingerprint):
                raise UserError(
                    f"process {self.ranks.rank} has other settings, code or data than process 0, "
                    "or runs on another kind of machine: make them equal"
                )
            train_model(
                TOKENIZED,
                TRAINED,
                TRAIN_METRICS,
                self.model_settings,
                self.settings,
                self.device,
                self.number_type,
                history,
                checkpoints,
                say,
                requests,
                self.ranks,
                self.features,
            )


def main(stage: Stage) -> float:
    """The seconds that the training took before it was interrupted, 0 if it was not."""
    started = time.monotonic()
    with together(stage.settings(TrainSettings).processes, COMMAND) as ranks:
        training = prepared(stage, ranks)
        fingerprint, machine = training.fingerprint, training.machine
        stage.say(on_what(training))
        root = main_root()
        speed = root / TIMINGS / f"train-{fingerprint}.csv"
        checkpoints = CheckpointFolder(root / CHECKPOINTS / fingerprint, stage.say)
        resumed = any(checkpoints.folder.glob("step-*.pt"))
        if not checkpoints.any_begun():
            stage.say(
                "from step 0, since no training of exactly these settings, data and code was begun "
                "before; to train a model further, name it in download.start_from"
            )
        # What is shown of the machine, besides what the training's name follows from.
        machine["processor"] = processor()
        with (
            checkpoints,
            attempt(root, fingerprint, resumed) as going_on,
            follow(stage, fingerprint, machine, HISTORY, speed, going_on),
            stop_requests(started) as requests,
        ):
            TRAIN_RESULTS.mkdir(parents=True, exist_ok=True)
            history = History(HISTORY, also=speed_writer(speed, resumed))
            training.run(history, checkpoints, stage.say, requests)
    remember_training(WEIGHTS, fingerprint, machine, speed, going_on)
    stage.say_result(TRAINED)
    return going_on.earlier_s


def help_train(stage: Stage) -> None:
    """As any process but the first: it computes its share, says nothing and writes nothing."""
    started = time.monotonic()
    with together(stage.settings(TrainSettings).processes, COMMAND) as ranks:
        training = prepared(stage, ranks)
        unused = CheckpointFolder(main_root() / CHECKPOINTS / training.fingerprint, silent)
        with stop_requests(started) as requests:
            training.run(History(Path(os.devnull)), unused, silent, requests)


def prepared(stage: Stage, ranks: Ranks) -> Training:
    """The training that params.yaml describes, and this process ready for it."""
    settings, model_settings = stage.settings(TrainSettings), stage.settings(ModelSettings, "model")
    features = stage.settings(FeatureSettings, "features")
    tune_cpu()
    fix_cublas_workspace()
    device = ranks.device(pick_device(settings.device, "train.device"))
    number_type = pick_number_type(settings.number_type, device)
    threads = settings.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    machine = {
        "device": describe_device(device),
        "number_type": str(number_type),
        "torch": torch.__version__,
    }
    torch.set_num_threads(ranks.threads(threads))
    fingerprint = ranks.named(train_fingerprint(Path.cwd(), stage.inputs, machine))
    return Training(
        settings, model_settings, features, ranks, device, number_type, machine, fingerprint
    )


def on_what(training: Training) -> str:
    """The machine and the processes in words."""
    kind = training.machine["number_type"].removeprefix("torch.")
    count = training.ranks.count
    shared = f", shared by {count} processes" if count > 1 else ""
    return f"on {training.machine['device']}, in {kind}{shared}"


def silent(_: str) -> None:
    """Says nothing."""


def speed_writer(path: Path, resumed: bool) -> Callable[[Row], None]:
    """Appends seconds and target tokens a second to a file of its own, for each new row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (resumed and path.exists()):
        path.write_text("step,seconds,tokens_per_second\n", encoding="utf-8")
    started = time.monotonic()
    last: list[float] = []

    def write(row: Row) -> None:
        seconds = time.monotonic() - started
        if last:
            rate = (row["train_tokens"] - last[1]) / (seconds - last[0])
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{row['step']},{seconds:.1f},{rate:.0f}\n")
        last[:] = [seconds, row["train_tokens"]]

    return write


if __name__ == "__main__":
    if is_helper():
        help_stage("train", help_train)
    else:
        run_stage("train", main)
