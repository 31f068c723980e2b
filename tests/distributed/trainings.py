"""Many short trainings, each by all processes of one launch.

    python trainings.py FOLDER PROCESSES SETTINGS...

SETTINGS are names of those below. FOLDER holds the pairs of a copy task (`write_task`). The first
process leaves what came of each training in FOLDER/PROCESSES.pt.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training_runs import digest

from attn2seq.batching.batch import Pairs
from attn2seq.config import read_yaml
from attn2seq.distributed.helpers import together
from attn2seq.distributed.ranks import Ranks
from attn2seq.errors import StoppedError, UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings

PROJECT = Path(__file__).parents[2]
STEPS = 20
SMALL: dict[str, Any] = {
    "embedding_size": 12, "encoder_hidden_size": 8, "decoder_hidden_size": 16,
    "attention_size": 10, "readout_size": 12, "attention_heads": 2, "feed_forward_size": 20,
    "tie_embeddings": "none", "embedding_dropout": 0.0, "layer_dropout": 0.0,
    "readout_dropout": 0.0, "device": "cpu", "number_type": "float32", "threads": 1,
    "max_steps": STEPS, "batch_tokens": 200, "batch_sentences": 40, "max_tokens": 50,
    "optimizer": "sgd", "learning_rate": 0.5, "momentum": 0.5,
    "schedule": "constant", "warmup_steps": 0, "label_smoothing": 0.0,
    "log_every_steps": 5, "evaluate_every_steps": 10,
}  # fmt: skip
DROPOUT = {"embedding_dropout": 0.2, "layer_dropout": 0.2, "readout_dropout": 0.2}
TRANSFORMER = {
    "encoder": "transformer", "decoder": "transformer", "attention": "multi_head",
    "encoder_hidden_size": 12, "decoder_hidden_size": 12, "readout_size": 0,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "Adam": {"optimizer": "adam", "learning_rate": 0.01, "momentum": 0.0},
    "accumulation and tied weights": {
        "accumulate_batches": 3, "batch_sentences": 10, "tie_embeddings": "all", "clip_norm": 0.1,
    },
    "frozen weights": {"freeze_embeddings": True, "schedule": "plateau"},
    "input feeding and dropout": {"input_feeding": True, "decoder_layers": 2, **DROPOUT},
    "variational dropout": {
        "cell": "gru", "encoder_layers": 2, "decoder_layers": 2, "variational_dropout": True,
        **DROPOUT,
    },
    "copying and coverage": {"copying": True, "coverage": True, "context_into": "first_layer"},
    "R-Drop": {"r_drop": 1.0, "label_smoothing": 0.1, **DROPOUT},
    "scheduled sampling and word dropout": {
        "scheduled_sampling": 0.8, "scheduled_sampling_steps": 5, "src_word_dropout": 0.2,
    },
    "Transformer": {**TRANSFORMER, **DROPOUT},
    "CTC": {"ctc_weight": 0.5, "r_drop": 1.0, "accumulate_batches": 2, **DROPOUT},
    "moving and checkpoint averages, early stopping": {
        "ema_decay": 0.9, "average_checkpoints": 2, "learning_rate": 3.0,
        "evaluate_every_steps": 2, "patience": 1,
    },
    "fewer sentences than processes": {
        "batch_sentences": 2, "src_word_dropout": 0.2, "scheduled_sampling": 0.5, **DROPOUT,
    },
    "bfloat16": {"number_type": "bfloat16", **DROPOUT},
}  # fmt: skip


def write_task(folder: Path) -> None:
    """Pairs whose target is the source, of 1 to 5 tokens; dev is no multiple of the processes."""
    for split, count, seed in (("train", 400, 1), ("dev", 61, 2)):
        generator = np.random.default_rng(seed)
        lengths = generator.integers(1, 6, count)
        write_token_store(folder / split, [generator.integers(4, 20, n).tolist() for n in lengths])


def trainer(
    folder: Path,
    run: str,
    changes: dict[str, Any],
    ranks: Ranks,
    asked_to_stop: Callable[[], StoppedError | None] = lambda: None,
) -> Trainer:
    """A training on the task; its files are in a folder of that name."""
    values = read_yaml(PROJECT / "params.yaml")
    values = values["model"] | values["train"] | SMALL | changes
    model_settings, settings = (
        kind.model_validate({name: values[name] for name in kind.model_fields})
        for kind in (ModelSettings, TrainSettings)
    )
    assert isinstance(model_settings, ModelSettings)
    assert isinstance(settings, TrainSettings)
    seed_everything(1)
    model = Seq2Seq(model_settings, 20, 20)
    model.src_embedding.requires_grad_(not model_settings.freeze_embeddings)
    if settings.number_type == "bfloat16":
        model.bfloat16()
    train, dev = (
        Pairs(TokenStore(folder / split), TokenStore(folder / split)) for split in ("train", "dev")
    )
    say: Callable[[str], None] = print if ranks.is_first else lambda text: None
    place = folder / f"{ranks.count}" / run
    place.mkdir(parents=True, exist_ok=True)
    return Trainer(
        model,
        lambda epoch: train,
        dev,
        settings,
        History(place / "history.csv" if ranks.is_first else Path(os.devnull)),
        CheckpointFolder(place, say),
        say,
        asked_to_stop,
        ranks,
    )


def result(made: Trainer) -> dict[str, Any]:
    """What came of a training: weights, curve, and where the generators stand."""
    weights = made.run()
    assert made.ranks.agree(digest(weights))
    assert made.ranks.agree(made.kept)
    return {
        "weights": weights,
        "rows": made.history.rows,
        "kept": made.kept,
        "random": torch.get_rng_state(),
        "steps": made.optimizer.step_number,
    }


def stopped_in_one(folder: Path, ranks: Ranks) -> dict[str, Any]:
    """The last process is asked to stop in step 6; the same training then goes on."""
    made = trainer(
        folder, "stopped", SETTINGS["R-Drop"], ranks,
        lambda: StoppedError("enough", 75)
        if ranks.rank == ranks.count - 1 and made.optimizer.step_number >= 6 else None,
    )  # fmt: skip
    try:
        made.run()
    except StoppedError as stopped:
        step = made.optimizer.step_number
        assert ranks.agree(step)
        resumed = result(trainer(folder, "stopped", SETTINGS["R-Drop"], ranks))
        return resumed | {"said": str(stopped), "stopped_at": step}
    raise AssertionError("not stopped")


def come_apart(folder: Path, ranks: Ranks) -> str:
    """A bit of one weight changes in the last process: what the first one says. It ends these."""
    made = trainer(folder, "apart", SETTINGS["plain"], ranks)
    if ranks.rank == ranks.count - 1:
        made.optimizer.masters[0].view(torch.int32)[-1, -1] += 1
    try:
        made.run()
    except UserError as error:
        if ranks.is_first:
            return str(error)
        sys.exit(str(error))
    raise AssertionError("not noticed")


def main(folder: Path, processes: int, names: list[str]) -> None:
    torch.set_num_threads(1)
    command = [sys.executable, __file__, str(folder), str(processes), *names]
    with together(processes, command) as ranks, ranks.met(torch.device("cpu")):
        results = {name: result(trainer(folder, name, SETTINGS[name], ranks)) for name in names}
        if processes > 1:
            results["stopped"] = stopped_in_one(folder, ranks)
        if processes == 2:
            results["apart"] = {"said": come_apart(folder, ranks)}
        if ranks.is_first:
            torch.save(results, folder / f"{processes}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
