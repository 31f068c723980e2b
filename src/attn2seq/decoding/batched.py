"""Many sentences: batches of like length under a budget, results in the order given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from attn2seq.batching.batch import TokenIds, pad_batch
from attn2seq.batching.sampler import BatchLimits, cut_batches
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.scoring import ReferenceScore, score_targets
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.step_model import E, S, StepModel

Progress = Callable[[int], object]  # told the number of sentences done since the last call


def find_all(
    model: StepModel[E, S],
    sources: Sequence[TokenIds],
    settings: DecodeSettings,
    device: torch.device,
    attention_maps: int = 0,
    progress: Progress = lambda done: None,
) -> list[list[Found]]:
    """The hypotheses of each source (ids without eos), best first.

    Attention weights are kept for the first `attention_maps` sources; which hypotheses are found
    does not depend on that.
    """
    search = greedy_search if settings.beam_size == 1 else beam_search
    tokens = settings.batch_tokens // settings.beam_size
    found: list[list[Found]] = [[] for _ in sources]
    for indices in length_batches([len(ids) for ids in sources], tokens):
        src_BS, src_lengths_B = pad_batch([sources[index] for index in indices], device)
        keep = min(indices) < attention_maps
        results = search(model, src_BS, src_lengths_B, settings, keep)
        for index, hypotheses in zip(indices, results, strict=True):
            if index >= attention_maps:
                hypotheses = [replace(each, attn_weights_TS=None) for each in hypotheses]
            found[index] = hypotheses
        progress(len(indices))
    return found


def score_all(
    model: StepModel[E, S],
    sources: Sequence[TokenIds],
    targets: Sequence[TokenIds],
    settings: DecodeSettings,
    device: torch.device,
    progress: Progress = lambda done: None,
) -> list[ReferenceScore]:
    """The nats and tokens of each target, given its source; ids without eos."""
    scores = [ReferenceScore(0.0, 0)] * len(sources)
    # Targets are read in step, so like target lengths save more than like source lengths.
    lengths = [max(len(src), len(tgt)) for src, tgt in zip(sources, targets, strict=True)]
    for indices in length_batches(lengths, settings.batch_tokens):
        src_BS, src_lengths_B = pad_batch([sources[index] for index in indices], device)
        batch = [targets[index] for index in indices]
        for index, score in zip(
            indices, score_targets(model, src_BS, src_lengths_B, batch), strict=True
        ):
            scores[index] = score
        progress(len(indices))
    return scores


def length_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices in batches of at most so many tokens (eos and padding counted), longest first.

    `length_batches([1, 3, 2], 7)` gives `[1]` (4 tokens) and `[2, 0]` (2 times 3). The longest
    first: what does not fit into memory fails at once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    padded = np.array([lengths[index] + 1 for index in order], dtype=np.int64)
    for start, end in cut_batches(padded, BatchLimits(tokens=tokens, sentences=len(order))):
        yield order[start:end]
