"""The CTC loss against all paths one by one, and its place in what a step minimises."""

from collections.abc import Callable, Sequence
from itertools import groupby, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq, positions
from attn2seq.tokenization.tokenizer import PAD_ID, UNK_ID
from attn2seq.training.ctc import BLANK_ID, add_ctc, ctc_loss
from attn2seq.training.loop import Trainer
from attn2seq.training.loss import sequence_loss
from attn2seq.training.objective import batch_loss, divergence
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]
UNITS, VOCABULARY = 6, 7
TRANSFORMER = {
    "encoder": "transformer", "embedding_size": 12, "encoder_hidden_size": 12,
    "attention_heads": 2, "bridge": "zero",
}  # fmt: skip


def layer() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(UNITS, VOCABULARY)


def encoded(*lengths: int) -> Encoded:
    """Random states; what stands behind a source's end is random, too."""
    torch.manual_seed(2)
    mask_BS = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    states_BSH = torch.randn(*mask_BS.shape, UNITS, requires_grad=True)
    return Encoded(torch.where(mask_BS, UNK_ID, PAD_ID), mask_BS, states_BSH, None, ())


def targets(*rows: Sequence[int]) -> Batch:
    return make_batch([[5]] * len(rows), rows)


def nats_of_all_paths(log_probs_SV: Tensor, target: Sequence[int]) -> Tensor:
    """-log of the summed probability of every path that is read as the target.

    Section 3.1 of Graves et al. 2006: repeated labels are merged, then blanks are left out. With a
    blank "-", the paths "aab", "abb", "a-b", "ab-" and "-ab" are all read as "ab".
    """
    paths = [
        sum(log_probs_SV[place, label] for place, label in enumerate(path))
        for path in product(range(VOCABULARY), repeat=len(log_probs_SV))
        if [label for label, _ in groupby(path) if label != BLANK_ID] == list(target)
    ]
    return -torch.stack(paths).logsumexp(0)


@pytest.mark.parametrize("target", [[4], [4, 5], [5, 5], [4, 5, 6], []])
def test_it_is_the_probability_of_all_paths(target: list[int]) -> None:
    source, linear = encoded(4), layer()
    found = ctc_loss(linear, source, targets(target))
    expected = nats_of_all_paths(linear(source.enc_states_BSH[0]).log_softmax(-1), target)
    torch.testing.assert_close(found, expected)
    wanted = source.enc_states_BSH, linear.weight
    for left, right in zip(
        torch.autograd.grad(found, wanted), torch.autograd.grad(expected, wanted), strict=True
    ):
        torch.testing.assert_close(left, right)


def test_padding_has_no_influence() -> None:
    """The sum over a batch is that of its sentences alone, and no state past an end has a share."""
    source, linear = encoded(4, 7, 2), layer()
    found = ctc_loss(linear, source, targets([4, 5], [6, 6, 4], [5]))
    alone = [
        F.ctc_loss(
            linear(source.enc_states_BSH[row, :length]).log_softmax(-1),
            torch.tensor(target), torch.tensor(length), torch.tensor(len(target)),
            blank=BLANK_ID, reduction="sum",
        )
        for row, (length, target) in enumerate([(4, [4, 5]), (7, [6, 6, 4]), (2, [5])])
    ]  # fmt: skip
    torch.testing.assert_close(found, torch.stack(alone).sum())
    (grads_BSH,) = torch.autograd.grad(found, source.enc_states_BSH)
    assert torch.equal(grads_BSH.abs().sum(-1) > 0, source.src_mask_BS)


def test_a_target_that_does_not_fit_counts_as_nothing() -> None:
    """Two equal tokens need a blank between them, and so three positions."""
    source, linear = encoded(2, 3), layer()
    found = ctc_loss(linear, source, targets([4, 4], [4, 4]))
    torch.testing.assert_close(
        found, nats_of_all_paths(linear(source.enc_states_BSH[1]).log_softmax(-1), [4, 4])
    )
    (grads_BSH,) = torch.autograd.grad(found, source.enc_states_BSH)
    assert not grads_BSH[0].any()
    assert grads_BSH[1].all()


def test_in_bfloat16_probabilities_are_float32() -> None:
    source, linear = encoded(7), layer().bfloat16()
    states_BSH = source.enc_states_BSH.detach().bfloat16()
    rounded = Encoded(source.src_BS, source.src_mask_BS, states_BSH, None, ())
    found = ctc_loss(linear, rounded, targets([4, 5]))
    logits_SBV = linear(states_BSH).float().transpose(0, 1)
    expected = F.ctc_loss(
        logits_SBV.log_softmax(-1), torch.tensor([[4, 5]]), torch.tensor([7]), torch.tensor([2]),
        blank=BLANK_ID, reduction="sum",
    )  # fmt: skip
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.fixture
def batch() -> Batch:
    return make_batch([[5, 6, 7, 8, 9], [8, 5, 6]], [[9, 10], [11]])


def with_ctc(small_model: Callable[..., Seq2Seq], **changes: Any) -> tuple[Seq2Seq, nn.Linear]:
    model = small_model(**changes).train()
    add_ctc(model)
    assert model.ctc is not None
    return model, model.ctc


@pytest.mark.parametrize("encoder", [{}, TRANSFORMER], ids=["recurrent", "transformer"])
def test_the_loss_is_the_weighted_mean_of_both(
    small_model: Callable[..., Seq2Seq],
    train_settings: Make,
    batch: Batch,
    encoder: dict[str, Any],
) -> None:
    """Eq. 15 in Kim, Hori and Watanabe 2017."""
    model, linear = with_ctc(small_model, **encoder)
    found = batch_loss(model, batch, train_settings(ctc_weight=0.3, label_smoothing=0.1), step=1)
    ctc = ctc_loss(linear, model.encode(batch.src_BS, batch.src_lengths_B), batch)
    attention = sequence_loss(model, model(batch), batch, 0.1)
    torch.testing.assert_close(found, 0.7 * attention + 0.3 * ctc)


def test_both_passes_of_r_drop_have_it(
    small_model: Callable[..., Seq2Seq], train_settings: Make, batch: Batch
) -> None:
    model, linear = with_ctc(small_model, embedding_dropout=0.5)
    torch.manual_seed(1)
    found = batch_loss(model, batch, train_settings(ctc_weight=0.3, r_drop=2.0), step=1)
    torch.manual_seed(1)
    expected, passes = torch.zeros(()), []
    for _ in range(2):
        source = model.encode(batch.src_BS, batch.src_lengths_B)
        passes.append(model.teacher_forced(batch, source))
        expected = expected + 0.7 * sequence_loss(model, passes[-1], batch, 0.0)
        expected = expected + 0.3 * ctc_loss(linear, source, batch)
    apart = divergence(model, *(positions(each, batch) for each in passes))
    torch.testing.assert_close(found, (expected + 2.0 * apart) / 2)


def test_it_teaches_the_encoder_alone(small_model: Callable[..., Seq2Seq], batch: Batch) -> None:
    model, linear = with_ctc(small_model)
    ctc_loss(linear, model.encode(batch.src_BS, batch.src_lengths_B), batch).backward()
    for name, parameter in model.named_parameters():
        taught = name.startswith(("ctc.", "encoder.", "src_embedding."))
        assert (parameter.grad is not None and bool(parameter.grad.any())) == taught, name


def test_what_is_kept_is_a_model_without_the_layer(trainer: Callable[..., Trainer]) -> None:
    """By the best look and as an average; the layer itself has been trained."""
    plain = trainer("plain", max_steps=12).run()
    for name, changes in (("best", {}), ("average", {"average_checkpoints": 2})):
        made = trainer(name, max_steps=12, ctc_weight=0.3, **changes)
        before = made.model.ctc.weight.detach().clone()  # type: ignore[union-attr]
        assert made.run().keys() == plain.keys()
        assert (made.model.ctc.weight != before).any()  # type: ignore[union-attr]
