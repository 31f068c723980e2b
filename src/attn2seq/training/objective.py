"""What a training step minimises on a batch, penalties of the weights apart.

Besides the loss: CTC, source words that are hidden, R-Drop, and scheduled sampling.

Shapes: B batch, T target positions, C positions of a chunk, V target vocabulary, N sentences of a
step.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from attn2seq.batching.batch import Batch
from attn2seq.model.decoder import Decoded
from attn2seq.model.drawing import drawn
from attn2seq.model.seq2seq import Seq2Seq, positions
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from attn2seq.training.ctc import ctc_loss
from attn2seq.training.loss import sequence_loss, sum_in_chunks
from attn2seq.training.settings import TrainSettings


def batch_loss(model: Seq2Seq, batch: Batch, settings: TrainSettings, step: int) -> Tensor:
    """The loss of all target tokens, summed; `step` counts optimizer steps from 1."""
    share = sampled_share(settings, step)
    if share:
        batch = sample_inputs(model, batch, share)
    # Only what the model reads is hidden: a word that it copies is the source's own.
    read = drop_words(batch, settings.src_word_dropout)
    loss, decoded = _one_pass(model, read, batch, settings)
    if not settings.r_drop:
        return loss
    # Half of Eq. 4 in Liang et al. 2021, so that the rate and the clipping keep their meaning.
    loss_again, again = _one_pass(model, read, batch, settings)
    passes = (positions(each, batch) for each in (decoded, again))
    return (loss + loss_again + settings.r_drop * divergence(model, *passes)) / 2


def _one_pass(
    model: Seq2Seq, read: Batch, batch: Batch, settings: TrainSettings
) -> tuple[Tensor, Decoded]:
    """The loss of `batch`, of which the model reads `read`, and what the decoder found.

    With CTC as in Eq. 15 of Kim, Hori and Watanabe 2017, arXiv 1609.06773.
    """
    encoded = model.encode(read.src_BS, read.src_lengths_B)
    decoded = model.teacher_forced(read, encoded)
    loss = sequence_loss(model, decoded, batch, settings.label_smoothing, settings.coverage_loss)
    if weight := settings.ctc_weight:
        assert model.ctc is not None
        loss = (1 - weight) * loss + weight * ctc_loss(model.ctc, encoded, batch)
    return loss, decoded


def drop_words(batch: Batch, share: float) -> Batch:
    """The batch with that share of the source's tokens read as the unknown token.

    Iyyer et al. 2015, section 2.1, leave words out; here the length stays, and so does what frames
    or fills a sentence.
    """
    if not share or batch.src_BS.dim() == 3:  # frames are no words
        return batch
    ids = batch.src_BS
    is_word = (ids != PAD_ID) & (ids != BOS_ID) & (ids != EOS_ID)
    return replace(batch, src_BS=ids.masked_fill(is_word & _chosen(ids, share), UNK_ID))


def divergence(model: Seq2Seq, first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
    """(KL(p || q) + KL(q || p)) / 2 of two dropout passes' distributions, summed over `positions`.

    Eq. 2 in Liang et al. 2021 (R-Drop).
    """

    def of_chunk(*both: Tensor) -> Tensor:
        log_p_CV = model.log_probs(*both[: len(first)])
        log_q_CV = model.log_probs(*both[len(first) :])
        forth = F.kl_div(log_q_CV, log_p_CV, reduction="sum", log_target=True)
        back = F.kl_div(log_p_CV, log_q_CV, reduction="sum", log_target=True)
        return (forth + back) / 2

    return sum_in_chunks(of_chunk, model.tgt_vocabulary_size, *first, *second)


def sampled_share(settings: TrainSettings, step: int) -> float:
    """The share of inputs to be drawn in optimizer step `step`, counted from 1.

    With i steps made and k = scheduled_sampling_steps, the share of true tokens falls as in Bengio
    et al. 2015, section 2.4: 1 - i/k (linear), exp(-i/k) (exponential) or k / (k + exp(i/k))
    (inverse_sigmoid).
    """
    made, scale = step - 1, settings.scheduled_sampling_steps
    match settings.scheduled_sampling_course:
        case "linear":
            truth = max(0.0, 1 - made / scale)
        case "exponential":
            truth = math.exp(-made / scale)
        case "inverse_sigmoid":
            truth = scale / (scale + math.exp(min(made / scale, 700.0)))  # more is no float
    return settings.scheduled_sampling * (1 - truth)


@torch.no_grad()
def sample_inputs(model: Seq2Seq, batch: Batch, share: float) -> Batch:
    """The batch with that share of the decoder's inputs drawn from the model's own predictions.

    Each is drawn from the distribution that follows from the inputs before it, drawn ones among
    them; dropout is off. bos and padding stay, and so do the targets. The model is left in training
    mode.
    """
    tgt_in_BT = batch.tgt_in_BT.clone()
    is_drawn_BT = _chosen(tgt_in_BT, share)
    is_drawn_BT &= (tgt_in_BT != PAD_ID) & (tgt_in_BT != BOS_ID)
    model.eval()
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    for position in range(1, tgt_in_BT.shape[1]):
        log_probs_NV, _, state = model.decode_step(tgt_in_BT[:, position - 1], state, encoded)
        is_drawn_N, true_N = is_drawn_BT[:, position], tgt_in_BT[:, position]
        tgt_in_BT[:, position] = torch.where(is_drawn_N, _draw(log_probs_NV), true_N)
    model.train()
    return replace(batch, tgt_in_BT=tgt_in_BT)


def _draw(log_probs_NV: Tensor) -> Tensor:
    """A token for each row; neither bos nor padding, which are never followed by anything.

    The largest p / e, with e exponentially distributed, is drawn with probability p. Unlike
    torch.multinomial this bears a diverged model, which the loop then reports.
    """
    for token in (BOS_ID, PAD_ID):  # a list of them would have to be sent to a GPU
        log_probs_NV[:, token] = -torch.inf
    e_NV = drawn(lambda shape: log_probs_NV.new_empty(shape).exponential_(), log_probs_NV.shape)
    return (log_probs_NV - e_NV.log()).argmax(1)


def _chosen(ids: Tensor, share: float) -> Tensor:
    """True for that share of the places, drawn at random."""
    return drawn(lambda shape: torch.rand(shape, device=ids.device), ids.shape) < share
