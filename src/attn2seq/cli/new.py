"""A catalogue entry for a user's own files: what was found in them, and what to do next."""

import filecmp
import io
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS
from attn2seq.preparing.cleaning import normalise_text
from attn2seq.preparing.judge import MAX_ORDER, token_counter
from attn2seq.reading.readers import read_rows
from attn2seq.sources.own_files import Wishes, own_files
from attn2seq.whole import whole_file
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.paths import CATALOGUE, LOCAL, PARAMS
from attn2seq.workspace.recipes import set_params

MOST_IN_A_SPLIT, SMALL_CORPUS = 2000, 5000
EXAMPLES, EXAMPLE_CHARACTERS = 3, 70


@dataclass(frozen=True)
class Corpus:
    """What the user says of the corpus."""

    name: str | None
    task: str
    sizes: tuple[int | None, int | None]  # source sentences of dev and test


@dataclass
class _Counts:
    pairs: int = 0
    empty: int = 0
    repeated: int = 0
    sources: int = 0  # distinct
    scorable: int = 0  # of which BLEU can tell how good a translation is


def new_corpus(
    given: Sequence[Path], wishes: Wishes, corpus: Corpus, use: bool, force: bool
) -> list[str]:
    """Make the files known as a corpus; the lines to print. Raises UserError."""
    found = own_files(given, wishes)
    name = corpus.name or found.files[0].name.partition(".")[0]
    title = f"{name}, {found.keys['src_lang']} to {found.keys['tgt_lang']}"
    entry = {"name": name, "title": title, "task": corpus.task} | found.keys
    entry |= {"make_splits": {"dev": 1, "test": 1, "seed": 1}}
    entry |= {"licence": "unknown", "citation": "none"}
    # All is read before anything is written.
    counts, examples = _read(found.files, checked_entry(entry))
    entry["make_splits"] |= split_sizes(counts.sources, *corpus.sizes)
    judge = "bleu" if counts.scorable >= counts.pairs / 10 else "exact_match"
    entry["judged_by"] = judge
    path = CATALOGUE / f"{name}.yaml"
    if path.exists() and not force:
        raise UserError(f"{path} exists: choose another --name, or replace it with --force")
    copied = [place for file in found.files if (place := put_into_local(file, force))]
    with whole_file(path) as beside:
        beside.write_text(entry_text(entry), encoding="utf-8")
    sizes = entry["make_splits"]
    return [
        *found.told,
        f"pairs      {counts.pairs:,}: {counts.sources:,} distinct sources, {counts.repeated:,} "
        f"repeated, {counts.empty:,} with an empty side",
        f"splits     dev {sizes['dev']:,} and test {sizes['test']:,} sources; the rest is train",
        *(f"{title:11}{text[:EXAMPLE_CHARACTERS]}" for pair in examples
          for title, text in zip(("example", ""), pair, strict=True)),
        f"judged by  {METRICS[judge].label} ({counts.scorable:,} targets have {MAX_ORDER} tokens, "
        f"which {METRICS['bleu'].label} needs)",
        *(f"copied     {place}" for place in copied),
        f"wrote      {path}: complete its title, licence and citation",
        *_how_to_go_on(name, counts, use),
    ]  # fmt: skip


def checked_entry(entry: dict[str, Any]) -> CatalogueEntry:
    """The entry as the project reads it. Raises UserError with all its faults."""
    if "/" in entry["name"]:
        raise UserError(f"--name {plain(entry['name'])}: a name without / is needed")
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, f"{entry['name']}.yaml").write_text(entry_text(entry), encoding="utf-8")
        return read_catalogue_entry(Path(scratch), entry["name"])


def entry_text(entry: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 4096
    text = io.StringIO()
    yaml.dump(entry, text)
    comment = '# Written by `attn2seq new`. The README explains each key under "Your own texts".'
    return f"{comment}\n{text.getvalue()}"


def _read(files: Sequence[Path], entry: CatalogueEntry) -> tuple[_Counts, list[tuple[str, str]]]:
    """Read all pairs, as prepare will. Raises UserError."""
    counts = _Counts()
    examples: list[tuple[str, str]] = []
    pairs: set[int] = set()
    sources: set[int] = set()
    tokens = token_counter(entry.bleu_tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        raw = files[0].parent
        if any(file.parent != raw for file in files):
            raw = Path(scratch)
            for file in files:
                (raw / file.name).symlink_to(file.resolve())
        for row in read_rows(raw, entry, "train"):
            pair = (normalise_text(row.src, "nfc"), normalise_text(row.targets[0], "nfc"))
            counts.pairs += 1
            if not all(pair):
                counts.empty += 1
                continue
            counts.repeated += hash(pair) in pairs
            pairs.add(hash(pair))
            sources.add(hash(pair[0]))
            counts.scorable += tokens(pair[1]) >= MAX_ORDER
            if len(examples) < EXAMPLES:
                examples.append(pair)
    counts.sources = len(sources)
    return counts, examples


def split_sizes(
    sources: int, dev: int | None, test: int | None, counted: str = "distinct sources with a target"
) -> dict[str, int]:
    """A twentieth each, of a small corpus up to a tenth, and no more than is of use."""
    share = min(MOST_IN_A_SPLIT, max(sources // 20, min(sources // 10, 50), 1))
    dev, test = dev or share, test or share
    if dev + test >= sources:
        raise UserError(
            f"there are {sources:,} {counted}: too few for {dev:,} in dev, "
            f"{test:,} in test, and some in train"
        )
    return {"dev": dev, "test": test}


def put_into_local(file: Path, force: bool) -> Path | None:
    """Copy the file into data/local/; None where it is there already."""
    target = LOCAL / file.name
    if target.exists():
        if filecmp.cmp(file, target, shallow=False):
            return None
        if not force:
            raise UserError(
                f"{target} exists and is another file: rename yours, or replace it with --force"
            )
    with whole_file(target) as beside:
        shutil.copyfile(file, beside)
    return target


def _how_to_go_on(name: str, counts: _Counts, use: bool) -> list[str]:
    wanted = {"download": {"corpus": name}}
    lines = [f"next       set download.corpus to {name} in {PARAMS} (--use does so)"]
    if use:
        lines = set_params(wanted, PARAMS, partial(check_params, catalogue=CATALOGUE), "--use")
        lines = [f"changed    {line}" for line in lines]
    if counts.pairs < SMALL_CORPUS:
        lines.append("next       lower tokenize.vocabulary_size there: the corpus is small")
    return [*lines, "then       make repro"]
