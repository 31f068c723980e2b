"""The trained model as MLflow serves it: source texts in, translations with their scores out.

MLflow runs this very file wherever the model is loaded ("models from code"), which is what spares
it a pickle. Besides those that show runs, it is the one file that imports mlflow, and nothing in
the package imports it. It goes with the model, together with what it imports.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext, scoring_server
from pydantic import BaseModel

from attn2seq.config import nearest, plain
from attn2seq.decoding.settings import OPTIONS
from attn2seq.decoding.translation import Translation
from attn2seq.errors import UserError
from attn2seq.model.device import tune_cpu
from attn2seq.model_folder import read_model_folder

LOG = logging.getLogger(__name__)
# Of one request; more is a mistake, or several requests.
MAX_TEXTS, MAX_CHARACTERS = 1000, 1 << 20
KEYS = ("inputs", "params")


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


class BadInputError(MlflowException):  # type: ignore[misc]  # mlflow has no types
    """What was sent cannot be translated; the server answers 400 and the reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        super().__init__(reason, INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """The reason. The server would put the whole input before it, however long: it may not."""
        return self._reason

    @message.setter
    def message(self, longer: str) -> None:
        pass


class TranslationModel(PythonModel):  # type: ignore[misc]  # mlflow has no types for it
    """Translates as the model was scored."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model folder."""
        tune_cpu()
        _pass_params_on()
        _refuse_other_keys()
        folder = read_model_folder(Path(context.artifacts["model"]))
        self._translator = folder.translator(LOG.warning)
        self._recordings = folder.recordings

    def predict(self, model_input: list[str], params: dict[str, Any] | None = None) -> list[Served]:
        """An answer for each text, in order.

        `params` are settings of the search for this request: those that `Translator.translate`
        takes. Raises BadInputError.
        """
        if self._recordings:  # whose paths are those of this machine's files
            raise BadInputError(
                "this model reads recordings, which are not served: use attn2seq.load, or "
                "`attn2seq demo`"
            )
        texts = _sound_texts(model_input)
        options = _known_options(params or {})
        try:
            translations = self._translator.translate(texts, **options)
        except UserError as error:
            raise BadInputError(str(error)) from None
        return [_answer(translation) for translation in translations]


def _known_options(params: dict[str, Any]) -> dict[str, Any]:
    _check_keys("params: ", params, OPTIONS)
    return params


def _check_keys(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            guess = nearest(name, known)
            raise BadInputError(
                f"{where}unknown key {plain(name[:80])} "
                + (f"(did you mean {guess}?)" if guess else f"(known: {', '.join(known)})")
            )


def _pass_params_on() -> None:
    """Have MLflow hand on the params of a request as they are.

    MLflow drops those that the model's schema lacks, with a line in the server's log, and the
    request would be answered as if they had not been there. The translator refuses them.
    """
    enforce = pyfunc._enforce_params_schema
    if getattr(enforce, "hands_on", False):
        return

    def hand_on(params: Any, schema: Any) -> Any:
        if schema is None or {param.name for param in schema.params} != set(OPTIONS):
            return enforce(params, schema)  # of another model in this process
        if not isinstance(params or {}, dict):
            raise BadInputError('params must be an object: {"nbest": 2}')
        return params

    hand_on.hands_on = True  # type: ignore[attr-defined]
    pyfunc._enforce_params_schema = hand_on


def _refuse_other_keys() -> None:
    """Have MLflow's server refuse a request with another key, such as `parms`.

    It leaves such a key out without a word. A server has this one model.
    """
    split = scoring_server._split_data_and_params
    if getattr(split, "refuses", False):
        return

    def refuse(json_input: Any) -> Any:
        given = scoring_server._decode_json_input(json_input)
        if KEYS[0] in given:
            _check_keys("", given, KEYS)
        return split(given)

    refuse.refuses = True  # type: ignore[attr-defined]
    scoring_server._split_data_and_params = refuse


def _sound_texts(texts: object) -> list[str]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadInputError('the input must be a list of strings: {"inputs": ["a text", ...]}')
    if not texts:
        raise BadInputError("the list of texts is empty")
    if len(texts) > MAX_TEXTS:
        raise BadInputError(f"{len(texts):,} texts; send {MAX_TEXTS:,} at most at a time")
    characters = sum(map(len, texts))
    if characters > MAX_CHARACTERS:
        raise BadInputError(f"{characters:,} characters; send {MAX_CHARACTERS:,} at most at a time")
    return texts


def _answer(translation: Translation) -> Served:
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


set_model(TranslationModel())
