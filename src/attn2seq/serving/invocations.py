"""What a request to `/invocations` holds and how it is answered, by MLflow's server and by ours.

{"inputs": ["a text"], "params": {"nbest": 1}}
{"predictions": [{"translation": "ein Text", "score": -0.4, "nbest": [...], "notes": []}]}
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from attn2seq.config import nearest, plain
from attn2seq.decoding.reading_notes import check_text
from attn2seq.decoding.settings import OPTIONS, DecodeSettings
from attn2seq.decoding.translation import Translation
from attn2seq.errors import UserError

KEYS = ("inputs", "params")
# Of one request; more is a mistake, or several requests.
MAX_TEXTS, MAX_CHARACTERS = 1000, 1 << 20
MAX_PIECES = 10_000_000
"""That a search may write for one request, over all texts and hypotheses: minutes of one core."""


class ServedHypothesis(BaseModel):
    """One of the translations of a text."""

    text: str
    score: float  # log_prob, normalised for length as the model was scored
    log_prob: float  # nats
    tokens: int  # of the end, too


class Served(BaseModel):
    """What a text gets."""

    translation: str  # the best one
    score: float
    nbest: list[ServedHypothesis]  # the best first
    notes: tuple[str, ...]  # what of the text the model could not read as it stands


def answer(translation: Translation) -> Served:
    """What is sent of a translation."""
    nbest = [
        ServedHypothesis(
            text=hypothesis.text,
            score=round(hypothesis.score, 6),
            log_prob=round(hypothesis.log_prob, 6),
            tokens=hypothesis.tokens,
        )
        for hypothesis in translation.hypotheses
    ]
    return Served(
        translation=nbest[0].text, score=nbest[0].score, nbest=nbest, notes=translation.notes
    )


def check_keys(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises UserError at a key that is not known, with the nearest that is."""
    known = list(known)
    for name in given:
        if name not in known:
            guess = nearest(name, known)
            raise UserError(
                f"{where}unknown key {plain(name[:80])} "
                + (f"(did you mean {guess}?)" if guess else f"(known: {', '.join(known)})")
            )


def checked_texts(texts: object) -> list[str]:
    """The texts of a request. Raises UserError."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError('the input must be a list of strings: {"inputs": ["a text", ...]}')
    if not texts:
        raise UserError("the list of texts is empty")
    if len(texts) > MAX_TEXTS:
        raise UserError(f"{len(texts):,} texts; send {MAX_TEXTS:,} at most at a time")
    characters = sum(map(len, texts))
    if characters > MAX_CHARACTERS:
        raise UserError(f"{characters:,} characters; send {MAX_CHARACTERS:,} at most at a time")
    for number, text in enumerate(texts, start=1):
        check_text(text, f"text {number}")
    return texts


def checked_params(params: object) -> dict[str, Any]:
    """The names of a request's params are those of options; their values the search checks.

    Raises UserError.
    """
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise UserError('params must be an object: {"nbest": 2}')
    check_keys("params: ", params, OPTIONS)
    return params


def check_cost(texts: Sequence[str], settings: DecodeSettings, own: DecodeSettings) -> None:
    """Raises UserError where one request would keep all others waiting, or take their memory.

    `settings` are those of the request, `own` are the model's, which bound what a batch holds.
    """
    for name in ("batch_tokens", "max_source_length"):
        most = getattr(own, name)
        if getattr(settings, name) > most:
            raise UserError(f"params: {name} can be {most:,} at most, the model's own value")
    # A piece has a character at least.
    longest = (
        settings.max_length_factor * min(len(text), settings.max_source_length)
        + settings.max_length_offset
        for text in texts
    )
    pieces = settings.rows * sum(longest)
    if pieces > MAX_PIECES:
        raise UserError(
            f"the search may write {pieces:,.0f} pieces; {MAX_PIECES:,} are allowed: send fewer "
            "texts at a time, or lower beam_size, nbest, max_length_factor or max_length_offset"
        )
