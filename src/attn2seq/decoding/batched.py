"""Many sentences: batches of like length under a budget, results in the order given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from attn2seq.batching.batch import Source, TokenIds, is_frames, pad_batch
from attn2seq.batching.sampler import BatchLimits, cut_batches
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.ensemble import Ensemble, Member
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.heard import Heard
from attn2seq.decoding.sampling import sample
from attn2seq.decoding.scoring import ReferenceScore, score_targets
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.features.settings import positions

Progress = Callable[[int], object]  # told the number of sentences done since the last call


@dataclass(frozen=True)
class Reader:
    """A model with the sources in its own pieces (ids without eos), or as frames."""

    model: Member
    sources: Sequence[Source]


def find_all(
    readers: Sequence[Reader],
    settings: DecodeSettings,
    device: torch.device,
    attention_maps: int = 0,
    progress: Progress = lambda done: None,
    prefixes: Sequence[TokenIds] | None = None,
) -> list[list[Found]]:
    """The hypotheses of each source, best first; of several readers together.

    Limits and batches follow the pieces of the first reader. Each hypothesis begins with the target
    ids that `prefixes` has for its source. Attention weights are kept for the first
    `attention_maps` sources; which hypotheses are found does not depend on that.
    """
    found = find_share(readers, settings, device, attention_maps, progress, prefixes)
    return [found[index] for index in range(len(readers[0].sources))]


def find_share(
    readers: Sequence[Reader],
    settings: DecodeSettings,
    device: torch.device,
    attention_maps: int = 0,
    progress: Progress = lambda done: None,
    prefixes: Sequence[TokenIds] | None = None,
    ranks: Ranks = ALONE,
) -> dict[int, list[Found]]:
    """The same of this process' share of the sources, by their place: of all, where it is alone.

    Each process has every `ranks.count`-th batch, and batches do not depend on their number.
    """
    sources = readers[0].sources
    search = sample if settings.search == "sampling" else beam_search
    if settings.search == "beam" and settings.beam_size == 1:
        search = greedy_search
    tokens = settings.batch_tokens // settings.rows
    found: dict[int, list[Found]] = {}
    lengths = [source_length(source) for source in sources]
    for indices, done in shared_batches(lengths, tokens, ranks):
        model, src_BS, src_lengths_B = _batch(readers, indices, device)
        keep = min(indices) < attention_maps
        given = None if prefixes is None else [prefixes[index] for index in indices]
        results = search(model, src_BS, src_lengths_B, settings, keep, given)
        for index, hypotheses in zip(indices, results, strict=True):
            if index >= attention_maps:
                hypotheses = [replace(each, attn_weights_TS=None) for each in hypotheses]
            found[index] = hypotheses
        progress(done)
    return found


def score_all(
    readers: Sequence[Reader],
    targets: Sequence[TokenIds],
    settings: DecodeSettings,
    device: torch.device,
    progress: Progress = lambda done: None,
    ranks: Ranks = ALONE,
) -> list[ReferenceScore]:
    """The nats and tokens of each target (ids without eos), given its source.

    Each process scores a share of the batches, and gets the scores of all.
    """
    sources = readers[0].sources
    scores: dict[int, tuple[float, int]] = {}
    # Targets are read in step, so like target lengths save more than like source lengths.
    pairs = zip(sources, targets, strict=True)
    lengths = [max(source_length(src), len(tgt)) for src, tgt in pairs]
    for indices, done in shared_batches(lengths, settings.batch_tokens, ranks):
        model, src_BS, src_lengths_B = _batch(readers, indices, device)
        batch = [targets[index] for index in indices]
        for index, score in zip(
            indices, score_targets(model, src_BS, src_lengths_B, batch), strict=True
        ):
            scores[index] = (score.nats, score.tokens)
        progress(done)
    for others in ranks.from_each(scores):
        scores |= others
    return [ReferenceScore(*scores[index]) for index in range(len(sources))]


def shared_batches(
    lengths: Sequence[int], tokens: int, ranks: Ranks
) -> Iterator[tuple[list[int], int]]:
    """The batches of this process, each with how many sentences are done with it by all."""
    batches = list(length_batches(lengths, tokens))
    for first in range(0, len(batches), ranks.count):
        together = batches[first : first + ranks.count]
        if ranks.rank < len(together):
            yield together[ranks.rank], sum(map(len, together))


def source_length(source: Source) -> int:
    """Tokens of a text, or positions of a recording."""
    return positions(len(source)) if is_frames(source) else len(source)


def _batch(
    readers: Sequence[Reader], indices: list[int], device: torch.device
) -> tuple[Member, Tensor, Tensor]:
    """What a search reads: the model, the sources at the indices, and their lengths."""
    (first, src_BS, src_lengths_B), *others = (
        (reader.model, *pad_batch([reader.sources[index] for index in indices], device))
        for reader in readers
    )
    if is_frames(readers[0].sources[indices[0]]):
        heard = Heard(first, src_BS, src_lengths_B)
        first, src_BS, src_lengths_B = heard, *heard.positions()
    return (Ensemble(first, others) if others else first), src_BS, src_lengths_B


def length_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices in batches of at most so many tokens (eos and padding counted), longest first.

    `length_batches([1, 3, 2], 7)` gives `[1]` (4 tokens) and `[2, 0]` (2 times 3). The longest
    first: what does not fit into memory fails at once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    padded = np.array([lengths[index] + 1 for index in order], dtype=np.int64)
    for start, end in cut_batches(padded, BatchLimits(tokens=tokens, sentences=len(order))):
        yield order[start:end]
