"""How probable the model holds given targets: the base of perplexity.

Nats are summed and tokens counted here; whoever wants a mean divides once, at the end.

Shapes: B batch, S source positions, T target positions, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attn2seq.batching.batch import TokenIds, pad_batch
from attn2seq.decoding.search import E, S, StepModel
from attn2seq.tokenization.tokenizer import BOS_ID, PAD_ID


@dataclass(frozen=True)
class ReferenceScore:
    """A target's negative log-probability and its length."""

    nats: float
    tokens: int  # eos counted


def score_targets(
    model: StepModel[E, S], src_BS: Tensor, src_lengths_B: Tensor, targets: Sequence[TokenIds]
) -> list[ReferenceScore]:
    """Each target (ids without bos and eos) fed token by token, eos scored last.

    Sums run in float64. Nothing is forbidden here: an unknown token costs what the model says.
    """
    tgt_out_BT, lengths_B = pad_batch(targets, src_BS.device)
    nats_B = torch.zeros(len(targets), dtype=torch.float64, device=src_BS.device)
    with torch.inference_mode():
        encoded = model.encode(src_BS, src_lengths_B)
        state = model.initial_state(encoded)
        tokens_B = torch.full_like(tgt_out_BT[:, 0], BOS_ID)
        for next_B in tgt_out_BT.unbind(1):
            log_probs_BV, _, state = model.decode_step(tokens_B, state, encoded)
            step_B = log_probs_BV.gather(1, next_B.unsqueeze(1)).squeeze(1)
            nats_B -= torch.where(next_B == PAD_ID, 0.0, step_B.double())
            tokens_B = next_B
    return [
        ReferenceScore(nats, tokens)
        for nats, tokens in zip(nats_B.tolist(), lengths_B.tolist(), strict=True)
    ]
