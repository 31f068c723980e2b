"""The decoder learns from its own mistakes: some of its inputs are what it would have said itself.

Shapes: B batch, T target positions, N sentences of a step, V target vocabulary.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from attn2seq.batching.batch import Batch
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import BOS_ID, PAD_ID
from attn2seq.training.settings import TrainSettings


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
    is_drawn_BT = torch.rand(tgt_in_BT.shape, device=tgt_in_BT.device) < share
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
    log_probs_NV[:, [BOS_ID, PAD_ID]] = -torch.inf
    return (log_probs_NV - torch.empty_like(log_probs_NV).exponential_().log()).argmax(1)
