"""A model folder, wherever it lies, and the settings that it is used with.

A complete folder (config.json of format 3, see attn2seq.packaging) says all of them. Folders of
format 2 are read, too: with `decode.json` and `texts.json` beside the weights, as MLflow was given
them once, or with neither, as training leaves them: then the search is `STANDARD`, and characters
stay as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from attn2seq.config import read_yaml, shown, validate
from attn2seq.decoding.settings import DecodeSettings, requested_settings
from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG, MEMBERS, read_config
from attn2seq.packaging import Texts
from attn2seq.preparing.settings import UnicodeForm

if TYPE_CHECKING:
    from attn2seq.decoding.translator import Translator

# The search of a folder that knows none: a beam of 5, ranked as Wu et al. 2016 do.
STANDARD: dict[str, Any] = {
    "device": "auto", "number_type": "float32", "threads": 0, "processes": 1, "ensemble": [],
    "search": "beam", "beam_size": 5, "nbest": 1, "length_normalisation": "wu", "length_alpha": 1.0,
    "coverage_penalty": 0.0, "min_length": 0, "max_length_factor": 2.0, "max_length_offset": 20,
    "no_repeat_ngram_size": 0, "repetition_penalty": 1.0,
    "temperature": 1.0, "top_k": 0, "top_p": 1.0, "sampling_seed": 1, "mbr": "none",
    "mbr_candidates": 20, "max_source_length": 500, "batch_tokens": 16000, "attention_maps": 0,
}  # fmt: skip
# Settings that came later than the format: folders packaged before them do not name them.
ADDED = ("no_repeat_ngram_size", "processes", "repetition_penalty")


@dataclass(frozen=True)
class ModelFolder:
    """A model's files, the form of its texts, and how it is searched."""

    path: Path
    decode: Mapping[str, Any]  # the section of that name
    unicode_form: UnicodeForm  # of the texts that it was trained with
    told_by: str  # where these settings are from, for messages
    if_unfit: str = ""  # what to do where this code cannot run the model
    complete: bool = False  # whether it is of the format that says all of this itself
    texts: Texts | None = None  # what its texts are, where the folder is of that format
    recordings: bool = False  # whether its sources are recordings

    def translator(self, warn: Callable[[str], object], **overrides: Any) -> "Translator":
        """The model, ready to translate with its settings under the overrides that are not None.

        `warn` is told of texts that are cut. Raises UserError.
        """
        # Only now, so that no command waits for torch before it knows that it needs it.
        from attn2seq.decoding.transcriber import Transcriber
        from attn2seq.decoding.translator import Translator

        with self._unfit_told():
            validate({"decode": DecodeSettings}, {"decode": self.decode}, self.told_by)
        settings = requested_settings(self.decode, overrides)
        with self._unfit_told():
            further = [self.path / MEMBERS / name for name in settings.ensemble]
            if not self.complete:  # it has none, and the translator says so
                further = [member for member in further if member.is_dir()]
            kind = Transcriber if self.recordings else Translator
            return kind(self.path, settings, warn, further, self.unicode_form)

    @contextmanager
    def _unfit_told(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            raise UserError(f"{error}\n{self.if_unfit}".strip()) from None


def read_model_folder(path: Path) -> ModelFolder:
    """The folder with the settings that it holds. Raises UserError where it is no model."""
    config = read_config(path / CONFIG)
    if config.texts is not None and config.decode is not None:
        source = str(path / CONFIG)
        texts = validate({"texts": Texts}, {"texts": config.texts}, source)["texts"]
        assert isinstance(texts, Texts)
        return ModelFolder(
            path, _whole(config.decode), texts.unicode_form, source,
            complete=True, texts=texts, recordings=config.source is not None,
        )  # fmt: skip
    decode = _beside(path / "decode.json")
    form = (_beside(path / "texts.json") or {}).get("unicode_form")
    unicode_form = known_form(form, str(path / "texts.json"))
    if decode is None:
        return ModelFolder(
            path, STANDARD, unicode_form, "the standard search",
            recordings=config.source is not None,
        )  # fmt: skip
    return ModelFolder(path, _whole(decode), unicode_form, str(path / "decode.json"))


def known_form(form: object, told_by: str) -> UnicodeForm:
    """Texts stay as they are where nothing tells in what form the model was given them."""
    for known in get_args(UnicodeForm):
        if form == known:
            checked: UnicodeForm = known
            return checked
    if form is None:
        return "none"
    raise UserError(
        f"{told_by}: unicode_form is {shown(form)}, not one of {', '.join(get_args(UnicodeForm))}"
    )


def _whole(decode: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: STANDARD[name] for name in ADDED}, **decode}


def _beside(path: Path) -> dict[str, Any] | None:
    return read_yaml(path) if path.is_file() else None  # JSON is YAML
