"""Training recordings varied in each epoch: SpecAugment and speed perturbation.

What is drawn follows from the seed, the epoch and the recording's number alone, so that an epoch is
the same after a resume, in any order and in any thread.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn2seq.features.frame_store import FrameSequences
from attn2seq.features.log_mel import Frames
from attn2seq.features.settings import FRAMES_PER_POSITION, FeatureSettings

# Keeps these draws apart from others that a seed is used for.
_SPEED, _MASKS = 11, 12
# Of a recording, that one stretch of time may mask: p in section 3.3 of Park et al. 2019.
LONGEST_SHARE = 0.2


class AugmentedFrames:
    """The recordings of one epoch: each at a speed of its own, with masks of its own."""

    def __init__(
        self, at_speeds: Sequence[FrameSequences], settings: FeatureSettings, seed: int, epoch: int
    ) -> None:
        """`at_speeds` has the same recordings at each of `settings.speeds`."""
        self._at_speeds, self._settings = at_speeds, settings
        self._seed, self._epoch = seed, epoch
        generator = np.random.default_rng([seed, epoch, _SPEED])
        self._drawn = generator.integers(len(at_speeds), size=len(at_speeds[0]))
        self._lengths = np.stack([each.lengths for each in at_speeds])

    def __len__(self) -> int:
        return len(self._drawn)

    def __getitem__(self, index: int) -> Frames:
        frames = self._at_speeds[self._drawn[index]][index]
        return mask(frames, self._settings, [self._seed, self._epoch, _MASKS, index])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of positions of each recording, at the speed drawn for it."""
        lengths: NDArray[np.int64] = self._lengths[self._drawn, np.arange(len(self))]
        return lengths

    def first(self, index: int, most: int) -> Frames:
        """The frames of the first `most` positions of a recording."""
        return self[index][: most * FRAMES_PER_POSITION]


def mask(frames: Frames, settings: FeatureSettings, key: Sequence[int]) -> Frames:
    """SpecAugment without its time warping: bands and stretches set to 0, which is their mean.

    Section 2 of Park et al. 2019, arXiv 1904.08779. The widths are drawn evenly from 0 to their
    greatest, the places evenly from those that are possible.
    """
    if not settings.frequency_masks and not settings.time_masks:
        return frames
    generator, masked = np.random.default_rng(list(key)), frames.copy()
    length, bins = frames.shape
    for _ in range(settings.frequency_masks):
        width = int(generator.integers(settings.frequency_mask_bins + 1))
        start = int(generator.integers(bins - width + 1))
        masked[:, start : start + width] = 0
    most = min(settings.time_mask_frames, int(LONGEST_SHARE * length))
    for _ in range(settings.time_masks):
        width = int(generator.integers(most + 1))
        start = int(generator.integers(length - width + 1))
        masked[start : start + width] = 0
    return masked
