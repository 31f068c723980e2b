"""Scheduled sampling: the share's course, and inputs drawn step by step from the model itself."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.errors import UserError
from attn2seq.model.decoder import Decoded
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID
from attn2seq.training import objective as scheduled_sampling
from attn2seq.training.loop import Trainer
from attn2seq.training.objective import sample_inputs, sampled_share
from attn2seq.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("course", "step", "share"),
    [
        ("linear", 1, 0.0),
        ("linear", 51, 0.4),
        ("linear", 101, 0.8),
        ("linear", 5000, 0.8),
        ("exponential", 1, 0.0),
        ("exponential", 101, 0.8 * (1 - 1 / math.e)),
        ("exponential", 5000, 0.8),
        ("inverse_sigmoid", 1, 0.8 / 101),
        ("inverse_sigmoid", 461.51701859880916, 0.4),  # 1 + k ln k
        ("inverse_sigmoid", 10**6, 0.8),
    ],
)
def test_the_course_of_the_share(
    train_settings: Callable[..., TrainSettings], course: str, step: int, share: float
) -> None:
    settings = train_settings(
        scheduled_sampling=0.8, scheduled_sampling_course=course, scheduled_sampling_steps=100
    )
    assert sampled_share(settings, step) == pytest.approx(share, abs=1e-6)


def sure_model(small_model: Callable[..., Seq2Seq], **changes: object) -> Seq2Seq:
    """One whose likeliest token has all of the probability: what is drawn is known."""
    model = small_model(**changes)
    with torch.no_grad():
        model.output.weight *= 1e5
    return model


@pytest.fixture
def batch() -> Batch:
    generator = np.random.default_rng(1)
    rows = [generator.integers(4, 20, generator.integers(1, 9)).tolist() for _ in range(12)]
    return make_batch(rows, rows[::-1])


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input_feeding": True},
        {"coverage": True},
        {"context_into": "first_layer", "cell": "gru"},
        {"readout_dropout": 0.5, "embedding_dropout": 0.5},  # predicts without it
    ],
)
def test_each_input_follows_from_those_before_it(
    small_model: Callable[..., Seq2Seq], batch: Batch, changes: dict[str, object], share: float
) -> None:
    """Each drawn one is what the whole model, run over the inputs so far, thinks the likeliest."""
    model = sure_model(small_model, **changes).train()
    torch.manual_seed(1)
    found = sample_inputs(model, batch, share)
    assert model.training
    model.eval()
    with torch.no_grad():
        logits_BTV = model.output(model(replace(batch, tgt_in_BT=found.tgt_in_BT)).readout_BTR)
    logits_BTV[..., [BOS_ID, PAD_ID]] = -torch.inf
    likeliest_BT = torch.full_like(batch.tgt_in_BT, BOS_ID)
    likeliest_BT[:, 1:] = logits_BTV.argmax(-1)[:, :-1]
    is_word_BT = torch.isin(batch.tgt_in_BT, torch.tensor([BOS_ID, PAD_ID]), invert=True)
    assert torch.equal(found.tgt_in_BT[~is_word_BT], batch.tgt_in_BT[~is_word_BT])
    is_drawn_BT = found.tgt_in_BT != batch.tgt_in_BT
    assert torch.equal(found.tgt_in_BT[is_drawn_BT], likeliest_BT[is_drawn_BT])
    if share == 1.0:
        assert torch.equal(found.tgt_in_BT[is_word_BT], likeliest_BT[is_word_BT])
        assert is_drawn_BT.sum() > 10
    assert torch.equal(found.tgt_out_BT, batch.tgt_out_BT)


def test_the_share_of_words_drawn(small_model: Callable[..., Seq2Seq]) -> None:
    """Told by a model that always says eos."""
    model = small_model()
    with torch.no_grad():
        model.output.bias[EOS_ID] = 1e5
    batch = make_batch([[5]] * 300, [[7] * 50] * 300)
    torch.manual_seed(1)
    drawn = (sample_inputs(model, batch, 0.3).tgt_in_BT == EOS_ID).sum()
    # of 15,000 words; four standard deviations of the share are 0.015
    assert float(drawn) / 15_000 == pytest.approx(0.3, abs=0.015)


def test_tokens_are_drawn_with_their_probabilities() -> None:
    torch.manual_seed(1)
    probs_V = torch.tensor([0.2, 0.1, 0.1, 0.05, 0.4, 0.15])
    drawn = scheduled_sampling._draw(probs_V.log().repeat(40_000, 1))
    counts = torch.bincount(drawn, minlength=6) / 40_000
    probs_V[[PAD_ID, BOS_ID]] = 0.0
    expected = probs_V / probs_V.sum()
    assert counts.tolist() == pytest.approx(expected.tolist(), abs=0.01)
    assert counts[PAD_ID] == counts[BOS_ID] == 0


def test_training_draws_as_the_share_rises(
    trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scheduled_sampling, "_draw", lambda log_probs_NV: log_probs_NV.new_full((1,), EOS_ID).long()
    )
    made = trainer(scheduled_sampling=1.0, scheduled_sampling_steps=10, max_steps=20, max_epochs=9)
    teacher_forced = made.model.teacher_forced
    shares: list[float] = []

    def note(batch: Batch, encoded: Encoded) -> Decoded:
        if made.model.training:
            words = batch.tgt_in_BT[:, 1:]
            words = words[words != PAD_ID]
            shares.append(float((words == EOS_ID).float().mean()))
        return teacher_forced(batch, encoded)

    monkeypatch.setattr(made.model, "teacher_forced", note)
    made.run()
    assert shares[0] == 0
    assert 0.25 < sum(shares[4:7]) / 3 < 0.75
    assert min(shares[10:]) == 1.0


def test_a_diverged_model_is_told_in_words(trainer: Callable[..., Trainer]) -> None:
    made = trainer(scheduled_sampling=1.0, scheduled_sampling_course="inverse_sigmoid")
    with torch.no_grad():
        made.model.output.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="step 1: the loss or its gradient is not finite"):
        made.run()
