"""A copy task: small enough to be learnt to perfection in seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn2seq.batching.batch import Pairs
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings


@pytest.fixture
def train_settings() -> Callable[..., TrainSettings]:
    """Settings for a short training; any field can be given."""

    def make(**changes: Any) -> TrainSettings:
        values = {
            "seed": 1, "device": "cpu", "number_type": "float32", "threads": 1, "processes": 1,
            "deterministic": False, "max_epochs": 2, "max_steps": 0,
            "batch_tokens": 200, "batch_sentences": 40, "max_tokens": 50,
            "subword_nbest": 0, "subword_alpha": 0.2, "bpe_dropout": 0.0,
            "optimizer": "adam", "learning_rate": 0.01, "adam_beta2": 0.98, "weight_decay": 0.0,
            "schedule": "constant", "warmup_steps": 0, "label_smoothing": 0.0, "clip_norm": 1.0,
            "log_every_steps": 5, "evaluate_every_steps": 10, "patience": 0,
            "too_long": "drop", "src_word_dropout": 0.0,
            "accumulate_batches": 1, "momentum": 0.0,
            "schedule_every_steps": 10, "schedule_patience": 1, "schedule_factor": 0.5,
            "coverage_loss": 1.0, "ctc_weight": 0.0, "r_drop": 0.0, "scheduled_sampling": 0.0,
            "scheduled_sampling_course": "linear", "scheduled_sampling_steps": 20,
            "ema_decay": 0.0, "average_checkpoints": 0, "average_of": "best",
        }  # fmt: skip
        return TrainSettings.model_validate(values | changes)

    return make


@pytest.fixture
def copy_pairs(tmp_path: Path) -> Callable[..., Pairs]:
    """Pairs whose target is the source, of `shortest` to 5 tokens."""

    def make(
        count: int, seed: int, shortest: int = 1, folder: Path = tmp_path, name: str = ""
    ) -> Pairs:
        generator = np.random.default_rng(seed)
        rows = [
            generator.integers(4, 20, generator.integers(shortest, 6)).tolist()
            for _ in range(count)
        ]
        stores = []
        for side in ("src", "tgt"):
            prefix = folder / f"{name or seed}.{side}"
            write_token_store(prefix, rows)
            stores.append(TokenStore(prefix))
        return Pairs(*stores)

    return make


@pytest.fixture
def trainer(
    tmp_path: Path,
    copy_pairs: Callable[..., Pairs],
    model_settings: Callable[..., ModelSettings],
    train_settings: Callable[..., TrainSettings],
) -> Callable[..., Trainer]:
    """A trainer on the copy task; fields of both settings, and the pairs, can be given."""
    train, dev = copy_pairs(400, 1), copy_pairs(60, 2)

    def make(folder: str = "run", **changes: Any) -> Trainer:
        model_changes = {k: v for k, v in changes.items() if k in ModelSettings.model_fields}
        train_changes = {k: v for k, v in changes.items() if k in TrainSettings.model_fields}
        assert set(changes) <= {*model_changes, *train_changes, "pairs_of_epoch"}
        seed_everything(1)
        model = Seq2Seq(model_settings(**model_changes), 20, 20)
        if changes.get("freeze_embeddings"):  # as start_from_vectors does
            model.src_embedding.requires_grad_(False)
        if changes.get("number_type") == "bfloat16":
            model.bfloat16()
        (tmp_path / folder).mkdir(exist_ok=True)
        history = History(tmp_path / folder / "history.csv")
        checkpoints = CheckpointFolder(tmp_path / folder / "checkpoints", lambda text: None)
        checkpoints.folder.mkdir(exist_ok=True)
        return Trainer(
            model,
            changes.get("pairs_of_epoch", lambda epoch: train),
            dev,
            train_settings(**train_changes),
            history,
            checkpoints,
            lambda text: None,
        )

    return make
