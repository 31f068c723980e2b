"""Words are hidden from what the model reads, in the share asked for, and nothing else is."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.model.encoder import Encoded
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from attn2seq.training.loop import Trainer
from attn2seq.training.objective import drop_words

FRAMES = (PAD_ID, BOS_ID, EOS_ID)


@pytest.fixture
def batch() -> Batch:
    """Many sentences of many lengths, none with an unknown token."""
    generator = np.random.default_rng(1)
    rows = [generator.integers(4, 20, generator.integers(1, 60)).tolist() for _ in range(400)]
    return make_batch(rows, rows[::-1])


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_share_of_words_hidden(batch: Batch, share: float) -> None:
    torch.manual_seed(1)
    before, found = batch.src_BS, drop_words(batch, share)
    after = found.src_BS
    is_frame = torch.isin(before, torch.tensor(FRAMES))
    assert torch.equal(after[is_frame], before[is_frame])
    changed = after != before
    assert set(after[changed].tolist()) == {UNK_ID}
    words = int((~is_frame).sum())
    assert words > 10_000
    # four standard deviations of a share of so many words are less than this
    assert int(changed.sum()) / words == pytest.approx(share, abs=0.02)
    for name in ("tgt_in_BT", "tgt_out_BT", "src_lengths_B"):
        assert torch.equal(getattr(found, name), getattr(batch, name))


def test_no_share_draws_nothing(batch: Batch) -> None:
    before = torch.get_rng_state()
    assert drop_words(batch, 0.0) is batch
    assert torch.equal(torch.get_rng_state(), before)


def test_training_hides_words_and_a_look_at_dev_does_not(
    trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(src_word_dropout=0.99, max_steps=10)
    encode = made.model.encode
    read: list[tuple[bool, float]] = []

    def note(src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
        words = src_BS[~torch.isin(src_BS, torch.tensor(FRAMES))]
        read.append((made.model.training, float((words == UNK_ID).float().mean())))
        return encode(src_BS, src_lengths_B)

    monkeypatch.setattr(made.model, "encode", note)
    made.run()
    assert {training for training, _ in read} == {True, False}
    assert all(share > 0.9 if training else share == 0 for training, share in read)
