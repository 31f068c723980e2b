"""The library's door: a trained model, wherever it is, as a Translator.

    import attn2seq

    translator = attn2seq.load("models/model")
    for translation in translator.translate(["Where is the station?"], nbest=3):
        for hypothesis in translation.hypotheses:
            print(f"{hypothesis.score:.2f}", hypothesis.text)
    translator.score(["Where is the station?"], ["Wo ist der Bahnhof?"])  # nats, one for each pair

A model folder holds all that this needs, and may lie anywhere. DVC, MLflow and huggingface_hub
have to be installed only for models that are to be fetched from them.
"""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from attn2seq.decoding.settings import SearchOptions
from attn2seq.model_folder import ModelFolder, read_model_folder

if TYPE_CHECKING:
    from attn2seq.decoding.translator import Translator

LOG = logging.getLogger(__name__)
MLFLOW_SCHEMES = ("models:/", "runs:/")
HUB_SCHEME = "hub:"


def load(
    model: str | Path,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    number_type: Literal["auto", "float32", "bfloat16"] | None = None,
    threads: int | None = None,
    ensemble: list[str] | None = None,
    beam_size: int | None = None,
    nbest: int | None = None,
    warn: Callable[[str], object] = LOG.warning,
    **options: Unpack[SearchOptions],
) -> "Translator":
    """The model of that name, ready to translate.

        attn2seq.load("models/model")                      # a folder
        attn2seq.load("models:/phrasebook-en-de@champion") # MLflow's registry, or runs:/<id>/model
        attn2seq.load("puffy-moth")                        # a DVC experiment, commit, tag or branch
        attn2seq.load("hub:me/phrasebook-en-de")           # the Hugging Face hub, or ...@revision
        attn2seq.load("models/model", beam_size=10, threads=1)

    What the model was scored with is in its folder, and is how it translates; what is given here
    takes its place, and what is given to `translate` takes the place of either. So without any,
    and on the same kind of machine, the texts are those of the pipeline's decode stage.

    device: `auto` is the GPU where there is one. number_type: what the layers compute in. threads:
    CPU threads that torch uses within a call; without it as many as the folder says, and where it
    says 0, as many as torch uses anyway. ensemble: which of the folder's further models decode
    together with it; [] for none. `warn` is told of texts that are cut (max_source_length).

    Nothing of the process is changed by it: neither torch's threads, seeds and number types, nor
    logging, nor the working directory. Calls of a translator may come from several threads.

    Raises UserError, whose text says what to do, where the name means no model, where it cannot be
    had or read, and for options that cannot be.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return find_model(model, Path(scratch)).translator(
            warn,
            device=device,
            number_type=number_type,
            threads=threads,
            ensemble=ensemble,
            beam_size=beam_size,
            nbest=nbest,
            **options,
        )


def find_model(model: str | Path, scratch: Path) -> ModelFolder:
    """The model folder that a name means; `scratch` is a folder for what MLflow hands out.

    A Path is a folder; so is a text, where there is one. Raises UserError.
    """
    if isinstance(model, Path) or Path(model).is_dir():
        return read_model_folder(Path(model))
    if model.startswith(MLFLOW_SCHEMES):
        from attn2seq.runs.model_in_mlflow import model_in_mlflow

        return model_in_mlflow(model, scratch)
    if model.startswith(HUB_SCHEME):
        from attn2seq.hub.remote import model_from_hub

        return model_from_hub(model)
    from attn2seq.runs.model_of_revision import model_of_revision

    return model_of_revision(model)
