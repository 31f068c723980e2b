"""Connectionist temporal classification: a loss of the encoder alone, which aligns in order.

Shapes: B batch, S source positions, T target positions, H encoder state, V target vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.batching.batch import Batch
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import EOS_ID, PAD_ID

# Padding is no target, so that its place in the vocabulary is free.
BLANK_ID = PAD_ID


def add_ctc(model: Seq2Seq) -> None:
    """A layer from encoder states to the target vocabulary, which `ctc_loss` takes."""
    layer = nn.Linear(model.settings.enc_size, model.tgt_vocabulary_size)
    model.ctc = layer.to(model.output.weight)


def without_ctc(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a model as it is used after training."""
    return {name: weight for name, weight in weights.items() if not name.startswith("ctc.")}


def ctc_loss(layer: nn.Linear, encoded: Encoded, batch: Batch) -> Tensor:
    """Nats of the targets without eos, summed over the sentences; float32.

    Graves et al. 2006: each position gives a token or a blank; the probability of a target is the
    sum over all ways of writing it, tokens repeated and blanks between. `layer` maps states H to
    the vocabulary V. A target that has no such way, since the source is too short, counts as 0.
    """
    log_probs_BSV = layer(encoded.enc_states_BSH).float().log_softmax(-1)
    if torch.are_deterministic_algorithms_enabled():  # torch has no such gradient on a GPU
        log_probs_BSV = log_probs_BSV.cpu()
    targets_BT = batch.tgt_out_BT.to(log_probs_BSV.device)
    is_target_BT = (targets_BT != EOS_ID) & (targets_BT != PAD_ID)
    return F.ctc_loss(
        log_probs_BSV.transpose(0, 1),
        targets_BT,
        encoded.src_mask_BS.sum(1).to(log_probs_BSV.device),
        is_target_BT.sum(1),
        blank=BLANK_ID,
        reduction="sum",
        zero_infinity=True,
    ).to(encoded.enc_states_BSH.device)
