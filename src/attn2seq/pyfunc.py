"""The trained model as MLflow serves it: source texts in, translations out.

MLflow runs this very file wherever the model is loaded ("models from code"), which is what spares
it a pickle, and what makes this file, besides attn2seq.tracking, import mlflow. Nothing in the
package imports it.
"""

from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from attn2seq.config import read_yaml, validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translator


class TranslationModel(PythonModel):  # type: ignore[misc]  # mlflow has no types for it
    """Translates with the settings of decode.json, those that the model was scored with."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights, the vocabularies and decode.json from the model's folder."""
        folder = Path(context.artifacts["model"])
        source = folder / "decode.json"  # JSON is YAML
        values = {"decode": read_yaml(source)}
        settings = validate({"decode": DecodeSettings}, values, str(source))["decode"]
        assert isinstance(settings, DecodeSettings)
        self._translator = Translator(folder, settings)

    def predict(self, model_input: list[str]) -> list[str]:
        """The best translation of each text, in order."""
        return [item.hypotheses[0].text for item in self._translator.translate(model_input)]


set_model(TranslationModel())
