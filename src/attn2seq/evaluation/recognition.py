"""What speech recognition is scored by: word and character error rates, and those of each speaker.

Errors are the fewest substitutions, deletions and insertions that make the reference a hypothesis,
counted by jiwer. They are summed over sentences and divided once by the reference's units:

    references "a b c" and "d", hypotheses "a x c" and "d e": 2 errors, 4 words, WER 50
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from attn2seq.evaluation.measures import Measure, Numbers
from attn2seq.features.audio import needed


def error_measure(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    unit: Literal["words", "characters"],
) -> Measure:
    """The errors of 100 units of the reference; it may exceed 100.

    Words are separated by spaces; case and punctuation count. Of several references the one with
    the fewest errors counts. Raises UserError where jiwer is not installed.
    """
    jiwer = needed("jiwer")
    process = jiwer.process_words if unit == "words" else jiwer.process_characters

    def errors(reference: str, hypothesis: str) -> tuple[int, int]:
        reference, hypothesis = " ".join(reference.split()), " ".join(hypothesis.split())
        found = process(reference, hypothesis)
        wrong = found.substitutions + found.deletions
        return wrong + found.insertions, wrong + found.hits

    rows = [
        min(errors(text, hypothesis) for text in texts)
        for hypothesis, texts in zip(hypotheses, references, strict=True)
    ]
    signature = (
        f"errors/{unit} of the reference|case:mixed|space:collapsed|jiwer:{version('jiwer')}"
    )
    return Measure(np.array(rows, dtype=np.float64), _rate, signature)


def by_speaker(names: Sequence[str], measures: dict[str, Measure]) -> list[dict[str, Any]]:
    """The scores of each speaker, the best first; `names` are those of the recordings.

    Beside them those of all others (`wer_of_others`): where one speaker moves the whole score, it
    shows there. Empty where speakers are not known.
    """
    speakers = np.array([name.rpartition("/")[0] for name in names])
    judged = [name for name in ("wer", "cer") if name in measures]
    rows = [
        {
            "speaker": str(speaker),
            "sentences": int((speakers == speaker).sum()),
            **{name: round(measures[name].score(speakers == speaker), 4) for name in judged},
            **{
                f"{name}_of_others": round(measures[name].score(speakers != speaker), 4)
                for name in judged
            },
        }
        for speaker in np.unique(speakers)
        if speaker
    ]
    return sorted(rows, key=lambda row: [row.get(name, 0.0) for name in judged])


def _rate(total: Numbers) -> float:
    return 100 * float(total[0] / max(total[1], 1.0))
