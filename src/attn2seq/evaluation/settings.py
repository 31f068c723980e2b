"""What the section `evaluate` of the settings may hold."""

from typing import Annotated

from pydantic import Field

from attn2seq.config import Settings


class EvaluateSettings(Settings):
    """How scores are computed; which metrics are computed follows from the corpus."""

    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    """Number of resampled test sets behind each 95% interval."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Seed of the resampling; 12345 gives the same samples as sacreBLEU's own default."""
