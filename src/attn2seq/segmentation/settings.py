"""How training texts are segmented anew."""

from pydantic import Field

from attn2seq.config import Settings


class SegmentationSettings(Settings):
    """Part of the section train."""

    subword_nbest: int = Field(ge=0, le=512)
    # subword regularisation: of so many segmentations of a text one is drawn anew in each epoch
    # (Kudo 2018); 0: off
    subword_alpha: float = Field(ge=0)
    # each is drawn with a probability proportional to its own to the power of this
    bpe_dropout: float = Field(ge=0, lt=1)
    # share of BPE merges left out, anew in each epoch (Provilkov et al. 2020); 0: off
