"""How a trained model is searched for texts."""

from typing import Literal

from pydantic import Field

from attn2seq.config import Settings


class DecodeSettings(Settings):
    """One way of decoding. Pieces are subword pieces without the end of sentence."""

    device: Literal["auto", "cpu", "cuda"]
    # auto: the GPU where there is one
    number_type: Literal["auto", "float32", "bfloat16"]
    # what the layers compute in; auto: bfloat16 where the processor multiplies it natively
    beam_size: int = Field(gt=0, le=1000)
    # hypotheses kept alive at each step; 1: greedy search
    nbest: int = Field(gt=0)
    # hypotheses written for each sentence; a smaller beam gives as many as it has
    length_normalisation: Literal["none", "average", "wu"]
    # what a hypothesis' log-probability is divided by: nothing; its tokens; Wu et al. 2016
    length_alpha: float = Field(ge=0, le=10)
    # exponent of the wu penalty; 0: no penalty
    min_length: int = Field(ge=0)
    # fewest pieces of a hypothesis
    max_length_factor: float = Field(ge=0)
    # most pieces of a hypothesis: this times the source's pieces ...
    max_length_offset: int = Field(ge=0)
    # ... plus this many
    max_source_length: int = Field(gt=0)
    # pieces; a longer source is cut here, with a warning
    batch_tokens: int = Field(gt=0)
    # a batch holds at most this many source tokens, padding counted, each beam_size times
    attention_maps: int = Field(ge=0)
    # sentences of each split, from the first on, whose attention weights are kept

    @property
    def kept(self) -> int:
        """Hypotheses written for each sentence: a beam has no more than its size."""
        return min(self.nbest, self.beam_size)
