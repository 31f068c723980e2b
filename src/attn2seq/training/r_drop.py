"""R-Drop: two dropout passes over a batch shall agree.

Shapes: N target positions (no padding among them), V vocabulary, C chunk of N.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from attn2seq.model.seq2seq import Positions, Seq2Seq
from attn2seq.training.loss import chunks


def divergence(model: Seq2Seq, first: Positions, second: Positions) -> Tensor:
    """(KL(p || q) + KL(q || p)) / 2 of the two passes' distributions, summed over positions.

    Eq. 2 in Liang et al. 2021. Each chunk's distributions are computed once more in the backward
    pass instead of being kept.
    """

    def of_chunk(ours: Positions, theirs: Positions) -> Tensor:
        log_p_CV, log_q_CV = model.log_probs(ours), model.log_probs(theirs)
        forth = F.kl_div(log_q_CV, log_p_CV, reduction="sum", log_target=True)
        back = F.kl_div(log_p_CV, log_q_CV, reduction="sum", log_target=True)
        return (forth + back) / 2

    parts = [
        checkpoint(of_chunk, first.part(rows), second.part(rows), use_reentrant=False)
        for rows in chunks(first.readout_NR)
    ]
    return torch.stack(parts).sum()
