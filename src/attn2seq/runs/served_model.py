"""The trained model as MLflow serves it: source texts in, translations with their scores out.

MLflow runs this very file wherever the model is loaded ("models from code"), which is what spares
it a pickle. Besides those that show runs, it is the one file that imports mlflow, and nothing in
the package imports it. It goes with the model, together with what it imports.
"""

import logging
from pathlib import Path
from typing import Any

from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext, scoring_server

from attn2seq.decoding.settings import OPTIONS
from attn2seq.errors import UserError
from attn2seq.model.device import tune_cpu
from attn2seq.model_folder import read_model_folder
from attn2seq.serving.invocations import (
    KEYS,
    Served,
    answer,
    check_keys,
    checked_params,
    checked_texts,
)

LOG = logging.getLogger(__name__)


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
        try:
            texts, options = checked_texts(model_input), checked_params(params)
            translations = self._translator.translate(texts, **options)
        except UserError as error:
            raise BadInputError(str(error)) from None
        return [answer(translation) for translation in translations]


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
            try:
                check_keys("", given, KEYS)
            except UserError as error:
                raise BadInputError(str(error)) from None
        return split(given)

    refuse.refuses = True  # type: ignore[attr-defined]
    scoring_server._split_data_and_params = refuse


set_model(TranslationModel())
