"""What the section `report` of the settings may hold."""

from typing import Annotated

from pydantic import Field

from attn2seq.config import Settings


class ReportSettings(Settings):
    """What the page shows; which sentences have attention maps is a matter of decoding."""

    sentences: Annotated[int, Field(ge=1, le=20_000)]
    """Number of test sentences that can be browsed, from the first; 1,000 make about a megabyte."""

    alternatives: Annotated[int, Field(ge=0, le=20)]
    """Number of other hypotheses shown with a sentence, where decoding kept that many."""
