"""What a source text gets: its translations, with what they are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    text: str  # one line
    score: float  # what the search ranks by; with decode.mbr the expected utility, 0 to 100
    log_prob: float  # nats
    tokens: int  # eos counted
    pieces: tuple[str, ...]  # eos last
    attn_weights_TS: NDArray[np.float32] | None  # a row for each of pieces; None where not kept


@dataclass(frozen=True)
class Translation:
    """The hypotheses of one line, best first (samples: as drawn); at least one."""

    src_pieces: tuple[str, ...]  # what the model read: cut where too long, eos last
    hypotheses: list[Hypothesis]
    notes: tuple[str, ...] = ()  # what of the text the model could not read as it stands

    @property
    def text(self) -> str:
        """The best one's text."""
        return self.hypotheses[0].text


EMPTY = Translation((), [Hypothesis("", 0.0, 0.0, 0, (), None)])
