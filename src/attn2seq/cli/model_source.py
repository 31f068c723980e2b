"""A trained model, wherever it is: a folder, a DVC revision, or an address in MLflow.

    models/model                    a folder
    HEAD~2, v1.0, puffy-moth        a commit, tag, branch or DVC experiment
    models:/phrasebook@champion     a model of MLflow's registry, or runs:/<run id>/model

A model comes with the settings that it was scored with. Only for a folder, params.yaml in the
working directory comes before them: there one tries settings out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from attn2seq.config import read_yaml, shown, validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.preparing.settings import UnicodeForm
from attn2seq.workspace.paths import ENSEMBLE, PARAMS

if TYPE_CHECKING:
    from attn2seq.decoding.translator import Translator

MLFLOW_SCHEMES = ("models:/", "runs:/")
OTHER_CODE_LOGGED = (
    "If other code than this logged the model: MLflow runs it with the code that lies beside it"
)
OTHER_CODE_COMMITTED = (
    "If the code was another then: `git worktree add <folder> {0}`, and translate there"
)


@dataclass(frozen=True)
class ModelSource:
    """A model folder, how its texts are prepared, and how it is searched."""

    folder: Path
    decode: dict[str, Any]  # the section of that name
    unicode_form: UnicodeForm  # of the texts that it was trained with
    told_by: str  # where these settings stand, for messages
    if_unfit: str = ""  # what to do where this code cannot run the model

    def translator(self, warn: Callable[[str], object], **overrides: Any) -> "Translator":
        """The model, ready to translate with its settings under the overrides that are not None.

        Raises UserError.
        """
        # Only now, so that no command waits for torch before it knows that it needs it.
        from attn2seq.decoding.translator import Translator

        given = {key: value for key, value in overrides.items() if value is not None}
        with self._unfit_told():
            self._settings({})
        settings = self._settings(given)
        with self._unfit_told():
            further = [ENSEMBLE / name for name in settings.ensemble]
            return Translator(self.folder, settings, warn, further)

    def _settings(self, overrides: dict[str, Any]) -> DecodeSettings:
        values = {"decode": self.decode | overrides}
        record = validate({"decode": DecodeSettings}, values, self.told_by)["decode"]
        assert isinstance(record, DecodeSettings)
        return record

    @contextmanager
    def _unfit_told(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            raise UserError(f"{error}\n{self.if_unfit}".strip()) from None


def find_model(name: str, scratch: Path) -> ModelSource:
    """The model that the name means; `scratch` is a folder for what MLflow hands out.

    Raises UserError where there is none, or where nothing tells how to search it.
    """
    if name.startswith(MLFLOW_SCHEMES):
        from attn2seq.cli.model_in_mlflow import model_in_mlflow

        folder, unicode_form = model_in_mlflow(name, scratch)
        return replace(_beside(folder, unicode_form), if_unfit=OTHER_CODE_LOGGED)
    if Path(name).is_dir():
        return model_in_folder(Path(name))
    from attn2seq.cli.model_of_revision import model_of_revision

    folder, params = model_of_revision(name)
    told = _told(folder, params, f"params.yaml of {name}")
    return replace(told, if_unfit=OTHER_CODE_COMMITTED.format(name))


def model_in_folder(folder: Path) -> ModelSource:
    """A model folder, with the settings of params.yaml here, or else of decode.json beside it."""
    if PARAMS.is_file():
        params = read_yaml(PARAMS)
        if isinstance(params.get("decode"), dict):
            return _told(folder, params, str(PARAMS))
    return _beside(folder, None)


def _told(folder: Path, params: dict[str, Any], told_by: str) -> ModelSource:
    """The model with the settings of a params.yaml."""
    decode, prepare = params.get("decode"), params.get("prepare")
    if not isinstance(decode, dict):
        raise UserError(f"no decoding settings: {told_by} has no section decode")
    form = prepare.get("unicode_form") if isinstance(prepare, dict) else None
    return ModelSource(folder, dict(decode), _checked(form, told_by), told_by)


def _beside(folder: Path, unicode_form: str | None) -> ModelSource:
    """The model with the settings that lie beside it."""
    path = folder / "decode.json"
    if not path.is_file():
        raise UserError(
            f"no decoding settings: neither a decode section in {PARAMS} here, nor {path}"
        )
    return ModelSource(folder, read_yaml(path), _checked(unicode_form, str(path)), str(path))


def _checked(form: object, told_by: str) -> UnicodeForm:
    """Texts stay as they are where nothing tells in what form the model was given them."""
    for known in get_args(UnicodeForm):
        if form == known:
            checked: UnicodeForm = known
            return checked
    if form is None:
        return "none"
    raise UserError(
        f"{told_by}: prepare.unicode_form is {shown(form)}, not one of "
        f"{', '.join(get_args(UnicodeForm))}"
    )
