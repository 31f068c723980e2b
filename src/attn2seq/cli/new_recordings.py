"""A catalogue entry for a user's own recordings, which are packed into one archive."""

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attn2seq.cli.new import Corpus, checked_entry, entry_text, put_into_local, split_sizes
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS
from attn2seq.reading.languages import BLEU_TOKENIZERS
from attn2seq.reading.readers import read_rows
from attn2seq.sources.own_recordings import own_recordings
from attn2seq.whole import whole_file
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.paths import CATALOGUE, PARAMS, RECIPES
from attn2seq.workspace.recipes import merge, read_recipe, set_params

RECIPE = "an4"
EXAMPLES, LINE_CHARACTERS = 3, 80
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can name


def new_recordings(
    given: Sequence[Path],
    language: str | None,
    columns: tuple[str | None, str | None],
    corpus: Corpus,
    use: bool,
    force: bool,
) -> list[str]:
    """Make a folder of recordings known as a corpus; the lines to print. Raises UserError."""
    folder, transcripts = given[0], given[1] if len(given) == 2 else None
    if len(given) > 2 or (transcripts and not transcripts.is_file()):
        raise UserError(
            "a folder of recordings is given alone, or with one file of transcripts after it"
        )
    if language is None:
        raise UserError("say --tgt-lang, the language that is spoken, such as en")
    found = own_recordings(folder, transcripts, columns)
    name = corpus.name or folder.resolve().name
    archive = f"{name}.zip"
    split = {"file": transcripts.name} if transcripts else {}
    counted = "speakers" if found.speakers else "recordings"
    unspaced = language in BLEU_TOKENIZERS
    entry: dict[str, Any] = {
        "name": name, "title": f"{name}, recordings in {language}", "task": "speech recognition",
        "src_lang": "audio", "tgt_lang": language,
        "files": [{"path": archive}, *({"path": file} for file in split.values())],
        **found.keys, "splits": {"train": split | {"audio": archive}},
        "make_splits": {"dev": 1, "test": 1, "seed": 1},
        "bleu_tokenizer": BLEU_TOKENIZERS.get(language, "13a"),
        "metrics": ["wer", "cer"], "judged_by": "cer" if unspaced else "wer",
        "licence": "unknown", "citation": "none",
    }  # fmt: skip
    checked = checked_entry(entry)
    path = CATALOGUE / f"{name}.yaml"
    if path.exists() and not force:
        raise UserError(f"{path} exists: choose another --name, or replace it with --force")
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch)
        _pack(found.files, folder, raw / archive)
        if transcripts:
            shutil.copyfile(transcripts, raw / transcripts.name)
        rows = list(read_rows(raw, checked, "train"))
        entry["make_splits"] |= split_sizes(found.speakers or len(rows), *corpus.sizes, counted)
        files = [raw / file["path"] for file in entry["files"]]
        copied = [place for file in files if (place := put_into_local(file, force))]
    with whole_file(path) as beside:
        beside.write_text(entry_text(entry), encoding="utf-8")
    sizes = entry["make_splits"]
    return [
        *found.told,
        *(f"example    {row.src}: {row.targets[0]}"[:LINE_CHARACTERS] for row in rows[:EXAMPLES]),
        f"splits     dev {sizes['dev']:,} and test {sizes['test']:,} {counted}; the rest is train",
        f"judged by  {METRICS[entry['judged_by']].label}",
        *(f"copied     {place}" for place in copied),
        f"wrote      {path}: complete its title, licence and citation",
        *_how_to_go_on(name, use),
    ]


def _pack(files: Sequence[Path], folder: Path, archive: Path) -> None:
    """The same bytes for the same files."""
    with zipfile.ZipFile(archive, "w") as packed:
        for file in files:
            member = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            with file.open("rb") as content, packed.open(member, "w") as inside:
                shutil.copyfileobj(content, inside)


def _how_to_go_on(name: str, use: bool) -> list[str]:
    if not use:
        return [
            f"next       attn2seq recipe {RECIPE}, and set download.corpus to {name} in {PARAMS} "
            "(--use does both)",
            "then       make repro",
        ]
    wanted = merge(read_recipe(RECIPE, RECIPES), {"download": {"corpus": name}})
    lines = set_params(wanted, PARAMS, partial(check_params, catalogue=CATALOGUE), "--use")
    return [*(f"changed    {line}" for line in lines), "then       make repro"]
