"""What a catalogue entry may hold: one YAML file that makes a corpus known.

name: my-corpus                       # the file is data/catalogue/my-corpus.yaml
title: My own sentences
task: translation
src_lang: en
tgt_lang: de
files:
  - path: mine.tsv                    # in data/local/; or url and sha256
reader: delimited
delimiter: "\\t"
columns: {src: 1, tgt: 2}
splits:
  train: {file: mine.tsv}
make_splits: {dev: 500, test: 500, seed: 1}
bleu_tokenizer: 13a
licence: my own
citation: none
"""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from attn2seq.config import Settings

Text = Annotated[str, Field(min_length=1)]
Reader = Literal[
    "parallel_lines", "moses", "delimited", "json_lines", "key_value_lines", "parquet", "tmx",
    "xliff", "sgm", "documents", "dialogues", "recordings", "generated",
]  # fmt: skip

Judge = Literal[
    "accuracy", "word_error_rate", "wer", "cer", "bleu", "moses_bleu", "chrf", "ter", "exact_match",
    "rouge1", "rouge2", "rougeL", "rouge1_mean", "rouge2_mean", "rougeL_mean",
]  # fmt: skip
OnRequest = Literal[
    "accuracy",
    "moses_bleu",
    "word_error_rate",
    "wer",
    "cer",
    "rouge1_mean",
    "rouge2_mean",
    "rougeL_mean",
]


def _column(value: object) -> int | str:
    if (isinstance(value, int) and not isinstance(value, bool) and value >= 1) or (
        isinstance(value, str) and value
    ):
        return value
    raise ValueError(f"must be a column's number, from 1, or its name, got {value!r}")


def _size(value: object) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        f"must be a number of source sentences, from 1, or a share between 0 and 1, got {value!r}"
    )


Column = Annotated[int | str, PlainValidator(_column)]
Size = Annotated[int | float, PlainValidator(_size)]


UNKNOWN = "unknown"
Sha256 = Annotated[str, Field(pattern=rf"^([0-9a-f]{{64}}|{UNKNOWN})$")]


class Mirrored(Settings):
    """The same contents as a file's, in another packing that a mirror may hold."""

    name: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SourceFile(Settings):
    """A file to fetch from `url`, or to take from `path` in data/local/."""

    url: Text | None = None
    path: Text | None = None
    sha256: Sha256 | None = None
    """`unknown` where it is to be written here at the first download."""
    mirrored: Mirrored | None = None
    """What a mirror that lacks the file may give in its place."""

    @property
    def name(self) -> str:
        """The last part of its address or path."""
        return (self.url or self.path or "").rsplit("/", maxsplit=1)[-1]


class SplitFiles(Settings):
    """Where the pairs of a split lie: `src` and `tgt` for parallel lines, else `file`.

    A file within an archive is named `archive.zip/folder/file.txt`. `references` are further
    targets of the same lines. A split of several files lists them in `parts`.
    """

    src: Text | None = None
    tgt: Text | None = None
    references: list[Text] = Field(default_factory=list)
    file: Text | None = None
    audio: Text | None = None
    """Of recordings: the folder in an archive where they lie, at any depth."""
    reader: Reader | None = None
    """How these files are read, where not as the entry says."""
    parts: list["SplitFiles"] | None = None
    source: Text | None = None
    """A source by name instead of files: `sacrebleu:<test set>/<languages>`,
    `hub:<dataset>@<commit>/<file>`, `mtdata:<id>`."""
    sha256: Sha256 | None = None
    """Of the file that `hub` or `mtdata` gives."""

    @property
    def all(self) -> list[str]:
        names = (self.file, self.src, self.tgt, *self.references, self.audio)
        return [name for name in names if name]


class Splits(Settings):
    """The splits that the corpus gives."""

    train: SplitFiles
    dev: SplitFiles | None = None
    test: SplitFiles | None = None


class MakeSplits(Settings):
    """How many distinct source sentences of train become dev and test, where these are missing; of
    recordings whose speakers are known, how many speakers.
    """

    dev: Size | None = None
    test: Size | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)]


class Columns(Settings):
    """Columns by number, from 1, or by their name in the header line.

    `references` holds further targets, which only dev and test need to have.
    """

    src: Column
    tgt: Column
    references: list[Column] = Field(default_factory=list)


class Keys(Settings):
    """The same for JSON lines and for lines such as `IN: walk OUT: WALK` (keys `IN:`, `OUT:`)."""

    src: Text
    tgt: Text
    references: list[Text] = Field(default_factory=list)


class Dialogues(Settings):
    """How the turns of a dialogue become pairs: the turns before each one, and that turn."""

    end_of_turn: Text
    """What each turn ends with, as `__eou__`."""
    context_turns: Annotated[int, Field(ge=1)]
    """Number of turns before the reply that make the source, where there are so many."""
    separator: Text
    """What stands between the turns of a source; in tokenize.user_defined_symbols it is one
    piece."""


class Recordings(Settings):
    """Where the transcripts of recordings are, and who speaks.

    Transcripts are lines of the split's `file`: of the pattern `line`, or with `columns`. Without
    a `file` the text of `audio.wav` is beside it in `audio.txt`, or spelt by its name.
    """

    sample_rate: Annotated[int, Field(ge=1000, le=400_000)]
    """Samples per second that each recording must have."""
    line: Text | None = None
    """Regular expression of a line, with the groups `name` and `text`, as
    `(?P<name>[^ ]+) (?P<text>.*)`."""
    spelt: dict[str, str] | None = None
    """What the parts of a recording's name, at underscores, stand for: {"0": "NO", "1": "YES"}
    makes `1_0.wav` YES NO."""
    speaker: Text | None = None
    """Regular expression, the first group of which is the speaker in a recording's path within
    `audio`, as `([^/]+)/[^/]+$`. Splits that are made then have speakers of their own."""
    leave_out: list[Text] = Field(default_factory=list)
    """Names of recordings that are no good."""


class Generator(Settings):
    """A corpus that is made instead of fetched: the pairs of each split follow from the seed."""

    name: Literal["phrasebook"]
    seed: Annotated[int, Field(ge=0)]
    train: Annotated[int, Field(ge=1)]
    dev: Annotated[int, Field(ge=1)]
    test: Annotated[int, Field(ge=1)]


class CatalogueEntry(Settings):
    """A corpus: where its texts are, how to read them, and how to score a model of them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Text
    task: Text
    """What kind of task, in a word or two: translation, summarisation, ..."""
    src_lang: Text
    tgt_lang: Text
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    """Folder of the files in a mirror, where it is not `name`."""
    files: list[SourceFile] = Field(default_factory=list)
    reader: Reader
    delimiter: Text | None = None
    """What stands between columns."""
    quoted: bool | None = None
    """Whether columns may stand in double quotes, as in CSV: within them the delimiter and line
    breaks are text, and a quote is written twice."""
    header: bool = False
    """Whether the first line holds the names of the columns."""
    max_columns: Annotated[int, Field(ge=2)] | None = None
    """Number of columns where the last one may hold the delimiter as text, or be missing. Without
    it every line has as many as the first."""
    inline_tags: Literal["remove", "keep"] | None = None
    """What becomes of formatting codes within a text of TMX or XLIFF: removed, as without this key,
    or kept as pieces such as `<ph>` and `<g>`."""
    skip_other_languages: bool | None = None
    """Whether units of TMX or XLIFF that lack one of the two languages are left out; without it
    they are an error."""
    skip_lines: Text | None = None
    """Regular expression for lines that are no text where they match on all sides of parallel
    lines, as `^<` for the markup in IWSLT's files."""
    comment: Text | None = None
    """What starts a comment that reaches to the end of the line."""
    remove_from_src: Text | None = None
    """Regular expression for what is no part of a source, as `\\(\\d\\)$` in `word(2)`."""
    columns: Columns | None = None
    keys: Keys | None = None
    dialogues: Dialogues | None = None
    recordings: Recordings | None = None
    generator: Generator | None = None
    splits: Splits | None = None
    make_splits: MakeSplits | None = None
    bleu_tokenizer: Literal["13a", "intl", "zh", "char", "none"]
    """How sacreBLEU cuts texts: 13a for most languages, zh for Chinese, char for other scripts
    without spaces, none for texts that are tokens already."""
    metrics: list[OnRequest] = Field(default_factory=list)
    """Scores on top of the usual ones."""
    judged_by: Judge | None = None
    """The score that heads tables, and by whose value on dev the best of several models is chosen.
    Without it: accuracy, word_error_rate or wer, where `metrics` asks for one; exact_match, where
    bleu_tokenizer is none; else bleu."""
    licence: Text
    citation: Text

    def stored(self) -> dict[str, SourceFile]:
        """The files by their names in data/raw.

        That is the last part of the address or path, or the whole path where others end alike.
        """
        names = [file.name for file in self.files]
        return {
            file.path if file.path and names.count(file.name) > 1 else file.name: file
            for file in self.files
        }

    def locate(self, name: str) -> tuple[str, str] | None:
        """The file in data/raw that a split names, and the member where it is an archive.

        A split may name a file by its last part or by its path. None for an unknown file.
        """
        for stored, file in self.stored().items():
            for known in (stored, file.path or stored):
                if name == known or name.startswith(f"{known}/"):
                    return stored, name[len(known) + 1 :]
        return None

    def located(self, files: SplitFiles) -> SplitFiles:
        """The files of a split by their names in data/raw."""

        def place(name: str | None) -> str | None:
            found = self.locate(name) if name else None
            return name if found is None else "/".join(part for part in found if part)

        return SplitFiles(
            src=place(files.src),
            tgt=place(files.tgt),
            references=[str(place(name)) for name in files.references],
            file=place(files.file),
            audio=place(files.audio),
            reader=files.reader,
        )


def gives(entry: CatalogueEntry, split: str) -> bool:
    """Whether the corpus has files of the split, or generates it; else it is made from train."""
    return entry.splits is None or getattr(entry.splits, split) is not None
