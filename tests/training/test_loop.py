"""The loop learns, stops, resumes to the same bytes, and repeats in a fresh process."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece as spm
import torch
from training_runs import digest

from attn2seq.batching.batch import Pairs
from attn2seq.errors import StoppedError, UserError
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from attn2seq.training.history import COLUMNS
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_learns_to_copy(trainer: Callable[..., Trainer], cell: str) -> None:
    made = trainer(
        cell=cell, max_epochs=40, embedding_size=32, readout_size=32, encoder_hidden_size=32,
        decoder_hidden_size=64, evaluate_every_steps=50,
    )  # fmt: skip
    made.run()
    # The best of the run: at a constant rate the loss still jumps now and then.
    assert max(row.get("dev_accuracy", 0.0) for row in made.history.rows) > 99
    assert made.progress.best_loss < 0.1


def test_the_curve_has_all_columns_and_is_there_live(trainer: Callable[..., Trainer]) -> None:
    made = trainer(max_steps=12)
    seen: list[int] = []
    made.history.also = lambda row: seen.append(len(made.history.path.read_text().splitlines()))
    made.run()
    with made.history.path.open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["step"] for row in rows] == ["5", "10", "12"]
    assert [bool(row["dev_loss"]) for row in rows] == [False, True, True]
    assert seen == [2, 3, 4]


def test_stops_early_and_keeps_the_best(trainer: Callable[..., Trainer]) -> None:
    made = trainer(learning_rate=1.0, clip_norm=0.0, max_epochs=50, patience=2)
    weights = made.run()
    assert made.optimizer.step_number < made.total_steps
    looks = [row for row in made.history.rows if "dev_loss" in row]
    best = min(looks, key=lambda row: row["dev_loss"])
    assert made.progress.best_step == best["step"]
    assert made.progress.best_step == made.optimizer.step_number - 20
    assert digest(weights) != digest(made.optimizer.weights())


@pytest.mark.parametrize("number_type", ["float32", "bfloat16"])
def test_an_interrupted_run_ends_in_the_same_bytes(
    trainer: Callable[..., Trainer], number_type: str
) -> None:
    changes: dict[str, Any] = {
        "number_type": number_type, "readout_dropout": 0.2, "max_epochs": 9, "max_steps": 60,
        "schedule": "cosine",
        "warmup_steps": 7, "log_every_steps": 4,
    }  # fmt: skip
    whole = trainer("whole", **changes)
    expected = digest(whole.run())
    broken = trainer("broken", **changes)

    class PowerCutError(Exception):
        pass

    def cut(row: dict[str, float | int]) -> None:
        if row["step"] >= 33:
            raise PowerCutError

    broken.history.also = cut
    with pytest.raises(PowerCutError):
        broken.run()
    resumed = trainer("broken", **changes)
    assert digest(resumed.run()) == expected
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()
    assert len(resumed.epoch.steps) < 33  # the cut lay in a later epoch than the first


@pytest.mark.promise("not finite")
def test_no_finite_loss_names_the_step_and_the_pairs(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    with torch.no_grad():
        made.model.output.bias.fill_(float("nan"))
    with pytest.raises(UserError, match=r"step 1: .*training pairs, counted from 0: \[\d+"):
        made.run()


def test_pairs_too_long_are_left_out_and_none_left_is_an_error(
    trainer: Callable[..., Trainer], copy_pairs: Callable[..., Pairs]
) -> None:
    made = trainer(max_tokens=3)
    pairs = made.epoch.pairs
    kept = np.sort(np.concatenate([batch for step in made.epoch.steps for batch in step]))
    lengths = np.maximum(pairs.src.lengths, pairs.tgt.lengths)
    assert kept.tolist() == np.flatnonzero(lengths <= 3).tolist()
    assert 0 < made.epoch.too_long == len(pairs) - len(kept) < len(pairs)
    too_long = copy_pairs(7, 3, shortest=4)
    with pytest.raises(UserError, match=r"all 7 are longer than train.max_tokens \(3\)"):
        trainer(max_tokens=3, pairs_of_epoch=lambda epoch: too_long)


@pytest.mark.parametrize("max_steps", [0, 14])
def test_each_epoch_may_have_pairs_of_its_own(
    trainer: Callable[..., Trainer], copy_pairs: Callable[..., Pairs], max_steps: int
) -> None:
    """More of them each time: the schedule's horizon stays, and max_epochs and max_steps hold."""
    epochs = [copy_pairs(count, count) for count in (200, 300, 400)]
    asked: list[int] = []

    def pairs_of_epoch(epoch: int) -> Pairs:
        asked.append(epoch)
        return epochs[epoch]

    changes = {
        "max_epochs": 3, "max_steps": max_steps, "schedule": "cosine", "readout_dropout": 0.2,
    }  # fmt: skip
    whole = trainer("whole", pairs_of_epoch=pairs_of_epoch, **changes)
    planned = 3 * len(whole.epoch.steps)
    expected = digest(whole.run())
    rows = whole.history.rows
    assert asked == [0, 1, 2][: 2 if max_steps else 3]  # once each
    assert whole.total_steps == (max_steps or planned)
    if max_steps:
        assert rows[-1]["step"] == max_steps < planned
        assert 1 < rows[-1]["epoch"] < 3
    else:
        assert rows[-1]["step"] > planned
        assert rows[-1]["epoch"] == 3
        tokens = sum(sum(pairs.tgt.lengths) + len(pairs) for pairs in epochs)
        assert rows[-1]["train_tokens"] == tokens
    assert all(0 <= row["train_learning_rate"] <= 0.01 for row in rows)

    broken = trainer("broken", pairs_of_epoch=pairs_of_epoch, **changes)
    broken.asked_to_stop = lambda: (
        StoppedError("enough", 75) if broken.progress.epoch == 1 else None
    )
    with pytest.raises(StoppedError):
        broken.run()
    resumed = trainer("broken", pairs_of_epoch=pairs_of_epoch, **changes)
    assert digest(resumed.run()) == expected
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()


SCRIPT = """
import sys, torch
from pathlib import Path
from attn2seq.model.settings import ModelSettings
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.run import train_model
from attn2seq.training.settings import TrainSettings
data, out = Path(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(2)
with CheckpointFolder(out / "checkpoints", print) as folder:
    train_model(data, out / "model", out / "metrics.json",
        ModelSettings.model_validate_json(sys.argv[3]),
        TrainSettings.model_validate_json(sys.argv[4]),
        torch.device("cpu"), torch.bfloat16, History(out / "history.csv"), folder, print)
"""


@pytest.mark.promise("deterministic")
def test_two_fresh_processes_write_the_same_bytes(
    tmp_path: Path,
    copy_pairs: Callable[..., Pairs],
    model_settings: Callable[..., ModelSettings],
    train_settings: Callable[..., TrainSettings],
) -> None:
    """With dropout, bfloat16 and two epochs."""
    data = tmp_path / "data"
    data.mkdir()
    for split, seed in (("train", 1), ("dev", 2)):
        copy_pairs(200, seed, folder=data, name=split)
    with (data / "src.model").open("wb") as file:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(["abcdefgh", "ijklmnop"]), model_writer=file, model_type="char",
            vocab_size=20, pad_id=PAD_ID, unk_id=UNK_ID, bos_id=BOS_ID, eos_id=EOS_ID,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
    shutil.copyfile(data / "src.model", data / "tgt.model")
    model, training = (
        model_settings(embedding_dropout=0.3, readout_dropout=0.3, tie_embeddings="all"),
        train_settings(),
    )
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(data), str(tmp_path / name),
             model.model_dump_json(), training.model_dump_json()],
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},  # a busy machine has no two idle cores
            check=True,
        )  # fmt: skip
        contents.append(
            [
                (tmp_path / name / path).read_bytes()
                for path in ("model/model.safetensors", "history.csv")
            ]
        )
    assert contents[0] == contents[1]
    assert len(contents[0][1].splitlines()) > 3


def test_the_largest_batch_is_tried_and_leaves_nothing(trainer: Callable[..., Trainer]) -> None:
    """As a GPU has it before the first step."""
    changes = {"max_steps": 4, "embedding_dropout": 0.3, "accumulate_batches": 2}
    expected = digest(trainer("untried", **changes).run())
    made = trainer("tried", **changes)
    tried: list[int] = []
    make = made.epoch.batch

    def noting(*arguments: Any) -> Any:
        batch = make(*arguments)
        tried.append(batch.src_BS.numel() + batch.tgt_out_BT.numel())
        return batch

    object.__setattr__(made.epoch, "batch", noting)
    made.model.train()
    made.try_largest()
    every = [
        batch.src_BS.numel() + batch.tgt_out_BT.numel()
        for step in made.epoch.steps
        for batch in (make(indices, made.device) for indices in step)
    ]
    assert tried == [max(every)]
    assert len(set(every)) > 1
    assert all(master.grad is None for master in made.optimizer.masters)
    assert digest(made.run()) == expected
