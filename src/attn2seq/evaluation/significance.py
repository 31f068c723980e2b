"""Is one system better than another, or was it luck? Paired tests, by sacreBLEU.

Paired bootstrap resampling: Koehn 2004. Paired approximate randomisation: Riezler and Maxwell
2005. Both compare the systems on the same sentences, so they see differences that lie well within
the interval of either.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sacrebleu.significance import PairedTest

from attn2seq.errors import UserError
from attn2seq.evaluation.surface import reference_streams, sacrebleu_metrics


@dataclass(frozen=True)
class PairedResult:
    """One metric of two systems; `p_value` is that of the difference having come by chance."""

    metric: str
    baseline: float
    system: float
    p_value: float
    signature: str


def compare_paired(
    baseline: Sequence[str],
    system: Sequence[str],
    references: Sequence[Sequence[str]],
    bleu_tokenizer: str,
    method: Literal["bootstrap", "randomisation"],
    samples: int,
    seed: int,
) -> dict[str, PairedResult]:
    """Compare two sets of hypotheses for the same sentences by BLEU, chrF and TER.

    `references` holds the references of each sentence; `samples` is the number of resampled test
    sets or of random exchanges. Raises UserError where the numbers of lines differ.
    """
    if not len(baseline) == len(system) == len(references):
        raise UserError(
            f"the two systems have {len(baseline)} and {len(system)} lines for "
            f"{len(references)} references: only results on the same test set can be compared"
        )
    metrics = sacrebleu_metrics(bleu_tokenizer)
    with _sacrebleu_seed(seed):
        test = PairedTest(
            [("baseline", list(baseline)), ("system", list(system))],
            metrics,
            reference_streams(references),
            test_type="bs" if method == "bootstrap" else "ar",
            n_samples=samples,
        )
        signatures, results = test()
    # sacreBLEU keys its results by display names ("chrF2"), in the order the metrics were given.
    display_names = [name for name in results if name != "System"]
    return {
        ours: PairedResult(
            metric=ours,
            baseline=float(results[theirs][0].score),
            system=float(results[theirs][1].score),
            p_value=_p_value(*results[theirs]),
            signature=str(signatures[theirs]),
        )
        for ours, theirs in zip(metrics, display_names, strict=True)
    }


def _p_value(baseline: Any, system: Any) -> float:
    """sacreBLEU counts samples that differ by more than the two systems do.

    Where they do not differ at all it would call that significant; it is all chance.
    """
    return 1.0 if baseline.score == system.score else float(system.p_value)


@contextmanager
def _sacrebleu_seed(seed: int) -> Iterator[None]:
    """sacreBLEU takes its seed from the environment alone."""
    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
