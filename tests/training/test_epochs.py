"""What an epoch trains on: pairs that are too long, and batches that share a step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from attn2seq.batching.batch import Pairs
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import EOS_ID, PAD_ID
from attn2seq.training.epochs import plan_epoch
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings

CPU = torch.device("cpu")


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    write_token_store(tmp_path / "src", [[5, 6], [5, 6, 7, 8], [5], [9, 9, 9]])
    write_token_store(tmp_path / "tgt", [[7], [8], [5, 6, 7, 8, 9], [7, 7, 7]])
    return Pairs(TokenStore(tmp_path / "src"), TokenStore(tmp_path / "tgt"))


def test_too_long_pairs_are_dropped(
    pairs: Pairs, train_settings: Callable[..., TrainSettings]
) -> None:
    epoch = plan_epoch(lambda number: pairs, train_settings(max_tokens=3, too_long="drop"), 0)
    assert sorted(np.concatenate([batch for step in epoch.steps for batch in step])) == [0, 3]
    assert epoch.too_long == 2


def test_too_long_pairs_are_cut_and_keep_their_eos(
    pairs: Pairs, train_settings: Callable[..., TrainSettings]
) -> None:
    settings = train_settings(max_tokens=3, too_long="truncate", batch_tokens=16)
    epoch = plan_epoch(lambda number: pairs, settings, 0)
    assert epoch.too_long == 2
    [[indices]] = epoch.steps  # all four fit into one batch since they are planned as cut
    batch = epoch.batch(indices, CPU)
    rows = {int(index): row for row, index in enumerate(indices)}
    assert batch.src_BS[rows[1]].tolist() == [5, 6, 7, EOS_ID]
    assert batch.tgt_out_BT[rows[1]].tolist() == [8, EOS_ID, PAD_ID, PAD_ID]
    assert batch.tgt_out_BT[rows[2]].tolist() == [5, 6, 7, EOS_ID]
    assert batch.src_BS[rows[3]].tolist() == [9, 9, 9, EOS_ID]
    assert batch.src_lengths_B[rows[1]] == 4


def test_a_batch_has_no_more_pairs_than_asked_for(
    copy_pairs: Callable[..., Pairs], train_settings: Callable[..., TrainSettings]
) -> None:
    """Where its tokens would let it have more."""
    pairs, roomy = copy_pairs(400, 1), {"batch_tokens": 10_000}
    for most in (7, 40):
        settings = train_settings(batch_sentences=most, **roomy)
        sizes = [
            len(batch)
            for step in plan_epoch(lambda number: pairs, settings, 0).steps
            for batch in step
        ]
        assert max(sizes) == most
        assert sum(sizes) == 400


def test_batches_that_share_a_step_are_all_of_the_epochs(
    copy_pairs: Callable[..., Pairs], train_settings: Callable[..., TrainSettings]
) -> None:
    pairs = copy_pairs(400, 1)
    single = plan_epoch(lambda number: pairs, train_settings(), 3)
    shared = plan_epoch(lambda number: pairs, train_settings(accumulate_batches=4), 3)
    assert all(len(step) == 1 for step in single.steps)
    assert {len(step) for step in shared.steps[:-1]} == {4}
    assert 0 < len(shared.steps[-1]) <= 4
    order = [batch.tolist() for step in single.steps for batch in step]
    assert [batch.tolist() for step in shared.steps for batch in step] == order


def test_a_step_of_many_batches_equals_one_of_a_large_batch(
    trainer: Callable[..., Trainer],
) -> None:
    """Of unequal batches: a mean of the batches' means would differ."""
    made = trainer(
        accumulate_batches=3, optimizer="sgd", learning_rate=0.5, clip_norm=0.0, max_steps=1
    )
    twin = trainer("twin").model
    twin.load_state_dict(made.model.state_dict())
    indices = np.concatenate(made.epoch.steps[0])
    assert len({len(batch) for batch in made.epoch.steps[0]}) > 1
    batch = made.epoch.batch(indices, CPU)
    logits_BTV = twin.output(twin(batch).readout_BTR)
    loss = F.cross_entropy(
        logits_BTV.flatten(0, 1), batch.tgt_out_BT.flatten(), ignore_index=PAD_ID
    )
    loss.backward()
    made.run()
    for ours, theirs in zip(made.model.parameters(), twin.parameters(), strict=True):
        expected = theirs if theirs.grad is None else theirs - 0.5 * theirs.grad
        torch.testing.assert_close(ours, expected)
    assert made.history.rows[-1]["train_loss"] == pytest.approx(float(loss.detach()))
    assert made.history.rows[-1]["train_tokens"] == int((batch.tgt_out_BT != PAD_ID).sum())
