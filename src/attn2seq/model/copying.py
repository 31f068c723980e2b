"""The pointer-generator: the next token is made up, or taken over from the source.

Shapes: B batch, N target positions, S source positions, H encoder state, D decoder state,
E embedding, V target vocabulary.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.fast.deferred import DeferredLinear


class GenerationSwitch(nn.Module):
    """The probability of generating: sigmoid(w_h c + w_s s + w_x x + b), Eq. 8 in See et al. 2017.

    c is the context, s the decoder's state and x its input, the last token's embedding.
    """

    def __init__(self, enc_size: int, decoder_size: int, embedding_size: int) -> None:
        super().__init__()
        self.linear = DeferredLinear(enc_size + decoder_size + embedding_size, 1)

    def forward(self, context_BTH: Tensor, state_BTD: Tensor, embedded_BTE: Tensor) -> Tensor:
        """`generate_BT`, float32."""
        logits_BT: Tensor = self.linear(torch.cat([context_BTH, state_BTD, embedded_BTE], dim=-1))
        return torch.sigmoid(logits_BT.squeeze(-1).float())


def mix_copies(
    log_probs_NV: Tensor, generate_N: Tensor, attn_weights_NS: Tensor, src_NS: Tensor
) -> Tensor:
    """P(w) = generate P_vocab(w) + (1 - generate) sum of the weights where w stands: Eq. 9 there.

    The two sides share one vocabulary, so that a source id is a target id. Gives log-probabilities
    in float32.
    """
    probs_NV = generate_N.unsqueeze(1) * log_probs_NV.exp()
    copied_NS = (1 - generate_N).unsqueeze(1) * attn_weights_NS
    # A switch that has closed leaves exact zeros, whose logarithm would have no gradient.
    smallest = torch.finfo(probs_NV.dtype).tiny
    # Nor may rounding make a probability of more than one.
    return add_at(probs_NV, src_NS, copied_NS).clamp(smallest, 1.0).log()


def add_at(probs_NV: Tensor, src_NS: Tensor, copied_NS: Tensor) -> Tensor:
    """The probabilities with those of the source ids added; an id may stand in several places."""
    if probs_NV.device.type == "cpu":
        return probs_NV.scatter_add(1, src_NS, copied_NS)
    return add_in_order(probs_NV, src_NS, copied_NS)


def add_in_order(probs_NV: Tensor, src_NS: Tensor, copied_NS: Tensor) -> Tensor:
    """The same for a GPU, where scatter_add adds equal ids in an order that changes from run to
    run. This sorts them first.
    """
    rows_N1 = torch.arange(len(src_NS), device=src_NS.device).unsqueeze(1)
    return probs_NV.index_put((rows_N1, src_NS), copied_NS, accumulate=True)
