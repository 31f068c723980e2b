"""A model from pairs of texts in Python, without DVC, MLflow or a workspace.

    import attn2seq

    pairs = [("Good morning", "Guten Morgen"), ("Thank you", "Danke"), ...]
    translator = attn2seq.train(pairs, dev, "my-model", "params.yaml")
    print(translator.translate(["Good morning"])[0].text)

It is what the stages `tokenize`, `train` and `package` do, by the same code.
"""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from attn2seq.api import find_model, load
from attn2seq.card_metadata import card_metadata
from attn2seq.config import Settings, read_yaml, validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG, read_config
from attn2seq.model.device import cpu_threads, pick_device, pick_number_type, repeatable
from attn2seq.model.settings import ModelSettings
from attn2seq.packaging import Texts, write_model_folder
from attn2seq.preparing.cleaning import normalise_text
from attn2seq.preparing.settings import START_FOLDER, PrepareSettings
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import SPLITS, tokenize_splits
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.run import train_model
from attn2seq.training.settings import TrainSettings
from attn2seq.workspace.fingerprint import digest, md5_of

if TYPE_CHECKING:
    from attn2seq.decoding.translator import Translator

LOG = logging.getLogger(__name__)
Pairs = Iterable[tuple[str, str]]
SECTIONS: Mapping[str, type[Settings]] = {
    "prepare": PrepareSettings, "tokenize": TokenizeSettings, "model": ModelSettings,
    "train": TrainSettings, "decode": DecodeSettings,
}  # fmt: skip


def train(
    pairs: Pairs,
    dev: Pairs,
    folder: str | Path,
    params: str | Path | Mapping[str, Any],
    *,
    name: str = "own pairs",
    task: str = "translation",
    src_lang: str = "und",
    tgt_lang: str = "und",
    start_from: str | Path | None = None,
    say: Callable[[str], object] = LOG.info,
) -> "Translator":
    """Learn from `pairs` of source and target, keep the weights that are best on `dev`.

        params = YAML(typ="safe").load(Path("params.yaml"))
        params["train"] |= {"max_epochs": 20}
        translator = attn2seq.train(pairs, dev, "my-model", params, say=print)

    `folder` becomes a model folder, as `attn2seq.load` reads it; one that is there is replaced at
    the end. `params` are the sections prepare, tokenize, model, train and decode of a params.yaml,
    or the path of one; of prepare only `unicode_form` is used, since what is learnt from is for you
    to choose. Pairs of which a side is blank are left out. `name`, `task` and the languages are
    noted in the folder; "und" is an unknown one. `say` is told of the progress, line by line.

    `start_from` is a trained model to fine-tune, named as for `attn2seq.load`: training starts with
    its weights and vocabularies. So the section tokenize of `params` has no effect, and the section
    model must have that model's settings, dropout apart.

    While it trains, `<folder>.training` holds the curve, history.csv, and checkpoints: after a
    stop, the same call goes on from there, and ends in the same bytes. The random generators of
    torch, numpy and Python are seeded with `train.seed`.

    Raises UserError for params that cannot work, and where no pairs are left.
    """
    source = "params" if isinstance(params, Mapping) else str(params)
    values = params if isinstance(params, Mapping) else read_yaml(Path(params))
    records: Any = validate(SECTIONS, values, source)
    training, decode = records["train"], records["decode"]
    form = records["prepare"].unicode_form
    for key, given, wanted in (
        ("train.processes", training.processes, 1), ("decode.ensemble", decode.ensemble, []),
    ):  # fmt: skip
        if given != wanted:
            raise UserError(f"{source}: {key} must be {wanted} here, got {given}")
    tables = {"train": _table(pairs, form, "pairs"), "dev": _table(dev, form, "dev")}
    folder = Path(folder)
    work = folder.with_name(f"{folder.name}.training")
    device = pick_device(training.device, "train.device")
    number_type = pick_number_type(training.number_type, device)

    def tell(text: str) -> None:
        say(text)

    with tempfile.TemporaryDirectory() as scratch:
        prepared, tokenized, trained = (
            Path(scratch) / part for part in ("prepared", "ids", "model")
        )
        start = None if start_from is None else _start_folder(start_from, Path(scratch))
        made_of = {
            "params": {section: record.model_dump() for section, record in records.items()},
            "pairs": {split: _digest(table) for split, table in tables.items()},
            "machine": [str(device), str(number_type)],
            **({} if start is None else {"start": md5_of(start)}),
        }
        checkpoints = CheckpointFolder(work / digest(made_of), tell)
        with checkpoints, cpu_threads(training.threads):
            prepared.mkdir()
            for split in SPLITS:  # whoever scores has a test set of their own
                pq.write_table(tables.get(split, tables["dev"]), prepared / f"{split}.parquet")
            tokenize_splits(prepared, tokenized, records["tokenize"], tell, start=start)
            with repeatable(training.deterministic, "train.deterministic"):
                train_model(
                    tokenized, trained, work / "metrics.json", records["model"], training, device,
                    number_type, History(work / "history.csv"), checkpoints,
                    tell,
                )  # fmt: skip
            texts = Texts(
                corpus=name, task=task, src_lang=src_lang, tgt_lang=tgt_lang, unicode_form=form
            )
            facts = {"name": name, "task": task, "src_lang": src_lang, "tgt_lang": tgt_lang}
            about = f"{task.capitalize()}, {src_lang} to {tgt_lang}, trained with attn2seq."
            card = f"{card_metadata(facts)}\n# {name}\n\n{about}\n"
            write_model_folder(folder, trained, {}, texts, decode, card)
    for each in checkpoints.folder.parent.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
    return load(folder)


def _table(pairs: Pairs, form: Any, name: str) -> pa.Table:
    """The pairs in order, columns src and tgt."""
    sides: tuple[list[str], list[str]] = ([], [])
    for place, pair in enumerate(pairs, start=1):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise UserError(f"{name}: number {place} is no pair of texts, but {pair!r:.60}")
        if not all(isinstance(text, str) for text in pair):
            raise UserError(f"{name}: pair {place} does not hold two texts: {pair!r:.60}")
        texts = [normalise_text(text, form) for text in pair]
        if all(texts):
            for side, text in zip(sides, texts, strict=True):
                side.append(text)
    if not sides[0]:
        raise UserError(f"{name} holds no pair of texts")
    return pa.table({"src": sides[0], "tgt": sides[1]})


def _start_folder(model: str | Path, scratch: Path) -> Path:
    """A copy of the files of the model to start from, without what makes it an ensemble."""
    found, copy = find_model(model, scratch).path, scratch / START_FOLDER
    copy.mkdir()
    for name in read_config(found / CONFIG).files:
        if not (found / name).is_file():
            raise UserError(f"start_from: {found / name} is missing: copy the whole model folder")
        shutil.copyfile(found / name, copy / name)
    return copy


def _digest(table: pa.Table) -> str:
    found = hashlib.sha256()
    for column in ("src", "tgt"):
        for text in table.column(column).to_pylist():
            found.update(text.encode() + b"\n")
    return found.hexdigest()
