"""A small scored split, for tests that need whole sentences."""

from collections.abc import Callable

import numpy as np
import pytest

from attn2seq.evaluation.texts import SplitTexts


@pytest.fixture
def make_split() -> Callable[..., SplitTexts]:
    def make(
        hypotheses: list[str],
        references: list[list[str]],
        sources: list[str] | None = None,
        nats: list[float] | None = None,
        tokens: list[int] | None = None,
    ) -> SplitTexts:
        size = len(hypotheses)
        return SplitTexts(
            sources=sources or ["x"] * size,
            targets=[texts[0] for texts in references],
            references=references,
            hypotheses=hypotheses,
            nats=np.array(nats or [1.0] * size, dtype=np.float64),
            tokens=np.array(tokens or [1] * size, dtype=np.float64),
        )

    return make
