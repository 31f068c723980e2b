"""What the section `features` of the settings may hold, and what a model remembers of it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from attn2seq.config import Settings

FRAMES_PER_POSITION = 4
"""Frames that a front end makes one position of the encoder of."""
FRAME_SHIFT_S = 0.01
"""Seconds from one frame to the next, as is usual in speech recognition."""

MelBins = Annotated[int, Field(ge=8, le=256)]


class FrontEndSettings(Settings):
    """What stands between frames and the encoder; it makes one position of four frames."""

    front_end: Literal["convolution", "pyramid"]
    """Two convolutions of stride 2 over time and pitch, or two bidirectional LSTM layers, each of
    which joins two positions to one (Chan et al. 2016)."""

    front_end_size: Annotated[int, Field(ge=1)]
    """Channels of the convolutions, or units of the LSTM layers in each direction."""


class FeatureSettings(FrontEndSettings):
    """How recordings become frames, and how these are varied in training."""

    mel_bins: MelBins
    """Numbers of a frame: energies in so many bands, evenly spaced on the mel scale."""

    speeds: Annotated[
        list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1, max_length=9)
    ]
    """Speed perturbation (Ko et al. 2015): speeds at which training recordings are played, one of
    which is drawn for each recording and epoch; [1.0] leaves them as they are."""

    frequency_masks: Annotated[int, Field(ge=0)]
    """SpecAugment (Park et al. 2019): number of bands of frequencies to mask in each training
    recording, drawn again in each epoch; 0 = off."""

    frequency_mask_bins: Annotated[int, Field(ge=1)]
    """Greatest width of such a band, in mel bins."""

    time_masks: Annotated[int, Field(ge=0)]
    """Number of stretches of time to mask likewise; 0 = off."""

    time_mask_frames: Annotated[int, Field(ge=1)]
    """Greatest length of such a stretch, in frames; never more than a fifth of the recording."""

    @model_validator(mode="after")
    def _own_speed(self) -> Self:
        if self.speeds[0] != 1.0 or len(set(self.speeds)) < len(self.speeds):
            raise ValueError(
                "speeds must begin with 1.0, the recordings as they are, and name no speed twice, "
                f"got {self.speeds}"
            )
        if self.frequency_masks and self.frequency_mask_bins > self.mel_bins:
            raise ValueError(
                f"frequency_mask_bins ({self.frequency_mask_bins}) must not exceed mel_bins "
                f"({self.mel_bins})"
            )
        return self

    def front(self) -> FrontEndSettings:
        """What of this a model is built by."""
        return FrontEndSettings(front_end=self.front_end, front_end_size=self.front_end_size)


class FrameFormat(Settings):
    """How frames were made of recordings: what has to be done to others likewise."""

    sample_rate: Annotated[int, Field(ge=1000, le=400_000)]
    """Samples per second."""

    mel_bins: MelBins
    mean: list[float]
    """Of each mel bin over the training recordings, subtracted."""

    deviation: list[Annotated[float, Field(gt=0)]]
    """The standard deviation likewise, divided by."""

    @model_validator(mode="after")
    def _one_for_each_bin(self) -> Self:
        for name in ("mean", "deviation"):
            if len(getattr(self, name)) != self.mel_bins:
                raise ValueError(f"{name} needs {self.mel_bins} numbers, one for each mel bin")
        return self


class FrameSource(FrontEndSettings):
    """Of a model that reads recordings: their format, and what stands in front of the encoder."""

    frames: FrameFormat


def positions(frames: int) -> int:
    """The positions that a front end makes of so many frames: `positions(9)` gives 3."""
    return -(-frames // FRAMES_PER_POSITION)
