"""The best continuations of a beam, found in one pass over the vocabulary.

Shapes: B batch, K beam, V vocabulary, C chunks, L values of a sentence.
"""

import torch
from torch import Tensor

CHUNK = 64  # tokens; a whole number of vector registers, and few chunks to compare
FEW = 4096  # values that a plain sort orders in less time than it takes to make them unique


def best_continuations(
    scores_BK: Tensor, log_probs_BKV: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` best sums of a hypothesis' score and a token's log-probability.

    Returns their scores, hypotheses and tokens, best first; of equal ones first the lower
    hypothesis, then the lower token. `count` is at most K * V.

    Only the maxima of chunks of the vocabulary are compared first. The best sums lie in the
    `count` best chunks: before any sum elsewhere stand the maxima of these. So the cost is that of
    one maximum, where a selection over K * V values took ten times as long.
    """
    batch, beam, vocabulary = log_probs_BKV.shape
    whole = vocabulary // CHUNK * CHUNK
    grouped = log_probs_BKV[..., :whole].view(batch, beam, whole // CHUNK, CHUNK)
    maxima = grouped.amax(dim=-1)
    if whole < vocabulary:
        maxima = torch.cat([maxima, log_probs_BKV[..., whole:].amax(-1, keepdim=True)], dim=-1)
    chunks = maxima.shape[-1]
    maxima_BL = (scores_BK.unsqueeze(-1) + maxima).flatten(1)
    # In ascending order again, so that equal sums are told apart by their place.
    chosen_BC = first_best(maxima_BL, min(count, beam * chunks)).sort(dim=-1).values
    hypotheses_BC = chosen_BC // chunks
    in_chunk = torch.arange(CHUNK, device=chosen_BC.device)
    tokens = (chosen_BC % chunks * CHUNK).unsqueeze(-1) + in_chunk
    real = tokens < vocabulary
    places = hypotheses_BC.unsqueeze(-1) * vocabulary + tokens.clamp(max=vocabulary - 1)
    sums = log_probs_BKV.flatten(1).gather(1, places.flatten(1)).view(places.shape)
    sums = (sums + scores_BK.gather(1, hypotheses_BC).unsqueeze(-1)).masked_fill(
        ~real, float("-inf")
    )
    sums_BL, places_BL = sums.flatten(1), places.flatten(1)
    best_BK = first_best(sums_BL, count)
    place_BK = places_BL.gather(1, best_BK)
    return sums_BL.gather(1, best_BK), place_BK // vocabulary, place_BK % vocabulary


def first_best(values_BL: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest float32 values of each row, best first, ties by place.

    `first_best([[1, 3, 3]], 2)` gives `[[1, 2]]`: a stable sort cut short. Of many values,
    torch.topk is faster, but leaves open which of equal ones it takes, so each value is made
    unique: its bits, as an integer of the same order, then its place counted from the end.
    """
    if values_BL.numel() <= FEW:
        return values_BL.sort(dim=-1, descending=True, stable=True).indices[:, :count]
    length = values_BL.shape[-1]
    bits = (values_BL + 0.0).view(torch.int32)  # + 0.0: minus zero equals zero
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()
    from_end = torch.arange(length - 1, -1, -1, device=values_BL.device)
    keys = (ordered << 32) | from_end
    return length - 1 - (keys.topk(count, dim=-1).values & 0xFFFFFFFF)
