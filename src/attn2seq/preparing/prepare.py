"""From raw files to clean pairs in three tables, and an account of what was dropped and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.catalogue.entry import CatalogueEntry, MakeSplits, gives
from attn2seq.errors import UserError
from attn2seq.preparing.cleaning import normalise_texts
from attn2seq.preparing.filtering import REASONS, PairFilter, too_long, word_count
from attn2seq.preparing.hygiene import Encodings, Overlap, hygiene_figures
from attn2seq.preparing.judge import sound_judge
from attn2seq.preparing.keys import text_key
from attn2seq.preparing.recordings import OF_TEXTS, recording_figures, write_recordings
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.preparing.splitting import EVALUATION_SPLITS, SourceSplitter, merge_sources
from attn2seq.reading.readers import read_rows, repeated_lines
from attn2seq.reading.recordings import speaker_of
from attn2seq.reading.row import Row
from attn2seq.reading.tables import sample_table, write_table
from attn2seq.whole import whole_folder, write_json

Say = Callable[[str], None]
# What later stages need to know of the corpus.
FACTS = (
    "name", "title", "task", "src_lang", "tgt_lang", "bleu_tokenizer", "metrics", "licence",
    "citation",
)  # fmt: skip
# Why a pair of dialogues is left out: the dialogue stands, whole, in dev or test.
REPEATED = "dialogue_in_dev_or_test"
# Rows that are filtered at once; and cleaned, few, since one text out of order costs all of them.
_ROWS_AT_ONCE = 5_000
_ROWS_TO_CLEAN = 200
# A line in the log now and then.
_SAY_EVERY_ROWS = 1_000_000


@dataclass
class Account:
    """What became of the pairs of a split: read = kept + merged + all dropped.

    `merged` counts the pairs that became a further reference of another pair's row.
    """

    read: int
    kept: int
    merged: int
    dropped: dict[str, int]


def prepare_corpus(
    raw: Path, prepared: Path, metrics: Path, settings: PrepareSettings, say: Say
) -> None:
    """Write the tables of train, dev and test, the corpus's facts, and the account `metrics`.

    `raw` is what download left; the folder `prepared` is written as a whole. Dev and test keep
    every pair that has text on both sides; only train is filtered, and what is made from train is
    made of pairs that are not too long for it. The account's part `hygiene` says what else one
    should know of the corpus. Raises UserError.
    """
    entry = read_raw_entry(raw)
    if settings.dev_share and gives(entry, "dev"):
        raise UserError(
            f"prepare.dev_share: {entry.name} has a dev set of its own; set it to 0, or take its "
            "files out of the catalogue entry"
        )
    corpus = _Corpus(raw, entry, settings, say)
    with whole_folder(prepared) as folder:
        tables, accounts, splitter = _evaluation_tables(corpus)
        judge = sound_judge(entry, (row.targets for row in tables["dev"]))
        for split, rows in tables.items():
            write_table(folder / f"{split}.parquet", rows)
            say(_describe(split, accounts[split]))
        overlap = Overlap(tables)
        train = _write_train(folder / "train.parquet", corpus, splitter, _sources(tables), overlap)
        say(_describe("train", train))
        hygiene = hygiene_figures(folder, overlap, corpus.encodings)
        for split in EVALUATION_SPLITS:
            if known := hygiene[split]["sources_in_train"]:
                share = hygiene[split]["sources_in_train_percent"]
                say(f"{split}: {known:,} of its sources ({share:.1f}%) also occur in train")
        facts = {name: getattr(entry, name) for name in FACTS}
        if (form := entry.dialogues) is not None:
            facts["dialogue"] = {"context_turns": form.context_turns, "separator": form.separator}
        if (spoken := entry.recordings) is not None:
            seconds = write_recordings(raw, entry, folder, say)
            for split, figures in recording_figures(folder, seconds, say).items():
                for name in OF_TEXTS:
                    del hygiene[split][name]
                hygiene[split] |= figures
            facts["recordings"] = {"sample_rate": spoken.sample_rate}
        write_json(folder / "corpus.json", facts | {"judged_by": judge})
    counts = {split: asdict(account) for split, account in (accounts | {"train": train}).items()}
    write_json(metrics, {**counts, "hygiene": hygiene})


@dataclass(frozen=True)
class _Corpus:
    """Where the rows come from."""

    raw: Path
    entry: CatalogueEntry
    settings: PrepareSettings
    say: Say
    # By the split whose file was read, as the last reading found them.
    encodings: dict[str, Encodings] = field(default_factory=dict)

    def gives(self, split: str) -> bool:
        """Whether the split is given, and not to be made."""
        return gives(self.entry, split)

    def unit(self, source: str) -> str:
        """What of a source may not be in two splits: of a recording whose speaker is known, that
        one; else the source itself.
        """
        spoken = self.entry.recordings
        return source if spoken is None or spoken.speaker is None else speaker_of(source)

    def sizes(self) -> MakeSplits:
        """Of the splits that are made."""
        sizes, share = self.entry.make_splits, self.settings.dev_share
        assert sizes is not None
        return sizes.model_copy(update={"dev": share}) if share else sizes

    def may_be_scored(self, row: Row) -> bool:
        """Whether a row of train may go to dev or test: one that train would drop may not."""
        return _has_text(row) and not any(
            too_long(self.settings, row.src, tgt) for tgt in row.targets
        )

    def rows(self, split: str) -> Iterator[Row]:
        """The rows of a given split, normalised, without their empty targets."""
        form = self.settings.unicode_form
        found = self.encodings[split] = Encodings()
        read = read_rows(self.raw, self.entry, split)
        rows = iter(tqdm(read, desc=split, unit=" rows", leave=False, disable=None))
        while batch := list(islice(rows, _ROWS_TO_CLEAN)):
            # A recording's name is no text.
            count = 0 if self.entry.recordings else len(batch)
            texts = [row.src for row in batch[:count]]
            texts += [text for row in batch for text in row.targets]
            clean = normalise_texts(texts, form)
            found.add(texts, clean, form)
            if clean == texts and "" not in texts:
                yield from batch
                continue
            targets = iter(clean[count:])
            sources = clean[:count] or [row.src for row in batch]
            for row, src in zip(batch, sources, strict=True):
                own = islice(targets, len(row.targets))
                yield Row(row.line, src, [text for text in own if text])


Tables = dict[str, list[Row]]


def _evaluation_tables(
    corpus: _Corpus,
) -> tuple[Tables, dict[str, Account], SourceSplitter | None]:
    """Dev and test, as given or made, and who makes them."""
    tables: Tables = {}
    accounts: dict[str, Account] = {}
    for split in filter(corpus.gives, EVALUATION_SPLITS):
        rows = list(corpus.rows(split))
        tables[split] = [row for row in rows if _has_text(row)]
        kept = len(tables[split])
        accounts[split] = Account(len(rows), kept, 0, {"empty": len(rows) - kept})
        _tell_long_pairs(corpus, split, tables[split])
        if not kept:
            raise UserError(
                f"no pair of {split} has text on both sides ({len(rows):,} were read); "
                f"check the columns and files of the corpus {corpus.entry.name}"
            )
    made = [split for split in EVALUATION_SPLITS if split not in tables]
    if not made:
        return tables, accounts, None
    sources = (corpus.unit(row.src) for row in corpus.rows("train") if corpus.may_be_scored(row))
    taken = frozenset(text_key(corpus.unit(row.src)) for rows in tables.values() for row in rows)
    spoken = corpus.entry.recordings is not None and corpus.entry.recordings.speaker is not None
    what = "speakers" if spoken else "source sentences"
    splitter = SourceSplitter(sources, corpus.sizes(), taken, what)
    pairs: Tables = {split: [] for split in made}
    for row in corpus.rows("train"):
        split = splitter.split_of(corpus.unit(row.src)) if corpus.may_be_scored(row) else ""
        if split in pairs:
            pairs[split].append(row)
    for split, rows in pairs.items():
        tables[split] = merge_sources(rows)
        kept = len(tables[split])
        accounts[split] = Account(len(rows), kept, len(rows) - kept, {"empty": 0})
    return tables, accounts, splitter


def _tell_long_pairs(corpus: _Corpus, split: str, rows: list[Row]) -> None:
    """A set that is given is scored whole; its longest pairs decide how much memory that takes."""
    settings = corpus.settings
    long = [row for row in rows if too_long(settings, row.src, row.targets[0])]
    if long:
        longest = max(long, key=lambda row: len(row.src) + len(row.targets[0]))
        corpus.say(
            f"{split}: pairs longer than prepare.max_words and max_characters allow in train: "
            f"{len(long):,}, all kept; the longest is line {longest.line:,} of its file, "
            f"{max(map(word_count, (longest.src, longest.targets[0]))):,} words"
        )


def _write_train(
    path: Path,
    corpus: _Corpus,
    splitter: SourceSplitter | None,
    evaluation: frozenset[str],
    overlap: Overlap,
) -> Account:
    """Raises UserError where no pair is left."""
    settings = corpus.settings
    account = Account(0, 0, 0, dict.fromkeys(REASONS, 0))
    if corpus.entry.dialogues is not None:
        account.dropped[REPEATED] = 0
    repeated = repeated_lines(corpus.raw, corpus.entry)
    languages = (corpus.entry.src_lang, corpus.entry.tgt_lang)
    pair_filter = PairFilter(settings, evaluation, languages)

    def kept() -> Iterator[Row]:
        rows = corpus.rows("train")
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            if splitter:
                batch = [
                    row
                    for row in batch
                    if not corpus.may_be_scored(row)
                    or splitter.split_of(corpus.unit(row.src)) == "train"
                ]
            pairs = [(row.src, row.targets[0] if row.targets else "") for row in batch]
            for src, tgt in pairs:
                overlap.meet(src, tgt)
            held_out = [row.line in repeated for row in batch]
            asked = [pair for pair, out in zip(pairs, held_out, strict=True) if not out]
            reasons = iter(pair_filter.reasons(asked))
            for row, out in zip(batch, held_out, strict=True):
                reason = REPEATED if out else next(reasons)
                if reason is None:
                    yield row
                else:
                    account.dropped[reason] += 1
            before, account.read = account.read, account.read + len(batch)
            if before // _SAY_EVERY_ROWS < account.read // _SAY_EVERY_ROWS:
                corpus.say(f"read {account.read:,} pairs of train")

    account.kept = write_table(path, kept())
    if not account.kept:
        raise UserError(_nothing_left(account, settings))
    account.dropped["limit_train_pairs"] = sample_table(
        path, settings.limit_train_pairs, settings.seed
    )
    account.kept -= account.dropped["limit_train_pairs"]
    return account


def _nothing_left(account: Account, settings: PrepareSettings) -> str:
    values = settings.model_dump()
    took = [
        f"{f'prepare.{reason} ({values[reason]})' if reason in values else reason} took {count:,}"
        for reason, count in account.dropped.items()
        if count
    ]
    return (
        f"no training pair is left of the {account.read:,} read: {', '.join(took)}. "
        "Loosen these settings, or check the columns and files of the corpus"
    )


def _has_text(row: Row) -> bool:
    return bool(row.src and row.targets)


def _sources(tables: Mapping[str, Iterable[Row]]) -> frozenset[str]:
    return frozenset(row.src for rows in tables.values() for row in rows)


def _describe(split: str, account: Account) -> str:
    """One line: `train: kept 28,996 of 29,000 pairs; dropped 3 by drop_duplicates, 1 by ...`."""
    parts = [f"{count:,} by {reason}" for reason, count in account.dropped.items() if count]
    line = f"{split}: kept {account.kept:,} of {account.read:,} pairs"
    if account.merged:
        line += f"; {account.merged:,} are additional references for the same source"
    return line + (f"; dropped {', '.join(parts)}" if parts else "")
