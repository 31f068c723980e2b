"""Train the model of params.yaml on the tokenized corpus."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

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
from attn2seq.workspace.stage import Stage, main_root, run_stage
from attn2seq.workspace.stop_requests import stop_requests


def main(stage: Stage) -> float:
    """The seconds that the training took before it was interrupted, 0 if it was not."""
    started = time.monotonic()
    settings, model_settings = stage.settings(TrainSettings), stage.settings(ModelSettings, "model")
    features = stage.settings(FeatureSettings, "features")
    tune_cpu()
    fix_cublas_workspace()
    device = pick_device(settings.device, "train.device")
    number_type = pick_number_type(settings.number_type, device)
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    stage.say(f"on {describe_device(device)}, in {str(number_type).removeprefix('torch.')}")
    machine = {
        "device": describe_device(device),
        "number_type": str(number_type),
        "torch": torch.__version__,
    }
    fingerprint = train_fingerprint(Path.cwd(), stage.inputs, machine)
    root = main_root()
    speed = root / TIMINGS / f"train-{fingerprint}.csv"
    resumed = any((root / CHECKPOINTS / fingerprint).glob("step-*.pt"))
    if not resumed:
        stage.say(
            "from step 0, since no training of exactly these settings, data and code was begun "
            "before; to train a model further, name it in download.start_from"
        )
    # What is shown of the machine, besides what the training's name follows from.
    machine["processor"] = processor()
    with (
        CheckpointFolder(root / CHECKPOINTS / fingerprint, stage.say) as folder,
        attempt(root, fingerprint, resumed) as going_on,
        follow(stage, fingerprint, machine, HISTORY, speed, going_on),
        stop_requests(started) as requests,
        repeatable(settings.deterministic, "train.deterministic"),
    ):
        TRAIN_RESULTS.mkdir(parents=True, exist_ok=True)
        history = History(HISTORY, also=speed_writer(speed, resumed))
        train_model(
            TOKENIZED,
            TRAINED,
            TRAIN_METRICS,
            model_settings,
            settings,
            device,
            number_type,
            history,
            folder,
            stage.say,
            requests,
            features,
        )
    remember_training(WEIGHTS, fingerprint, machine, speed, going_on)
    stage.say_result(TRAINED)
    return going_on.earlier_s


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
    run_stage("train", main)
