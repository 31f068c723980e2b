"""`attn2seq new`: the entries that it writes are downloaded and prepared, pair by pair."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.cli.main import main
from attn2seq.config import read_yaml
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.sources.download import Places, download_corpus

ROOT = Path(__file__).parents[2]
PAIRS = [(f"the {word} sleeps", f"{word} schläft") for word in "abcdefghijklmnopqrst"]
# What only a reader of CSV reads well.
ODD = [('"Yes", he says, slowly', "Ja; sagt er"), ("one\nline", "eine\nZeile")]
Answer = tuple[int, str, str]


@pytest.fixture
def new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs the verb in a subfolder of a workspace: its status and what it prints."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "data/catalogue").mkdir(parents=True)
    (tmp_path / "mine").mkdir()

    def run(*arguments: str) -> Answer:
        monkeypatch.chdir(tmp_path / "mine")
        status = main(["new", *arguments])
        return status, *capsys.readouterr()

    return run


def written(tmp_path: Path, name: str, lines: list[str]) -> None:
    (tmp_path / "mine" / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\n') else text


def prepared_pairs(
    tmp_path: Path, name: str, settings: Callable[..., PrepareSettings]
) -> set[tuple[str, str]]:
    """All pairs of all splits, through the same calls as the stages'."""
    entry = read_catalogue_entry(tmp_path / "data/catalogue", name)
    raw, prepared = tmp_path / "raw", tmp_path / "prepared"
    places = Places(tmp_path / "data/local", tmp_path / "cache", None)
    download_corpus(entry, raw, places, say=lambda text: None)
    account = tmp_path / "metrics.json"
    prepare_corpus(raw, prepared, account, settings(), say=lambda text: None)
    tables = [pq.read_table(prepared / f"{split}.parquet") for split in ("train", "dev", "test")]
    assert all(len(table) for table in tables)
    return {(row["src"], row["tgt"]) for table in tables for row in table.to_pylist()}


def test_a_table_with_a_header(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    rows = [f"{number}\t{tgt}\t{src}" for number, (src, tgt) in enumerate(PAIRS)]
    written(tmp_path, "mine.tsv", ["id\tGerman\tEnglish", *rows, "20\t\tnothing", rows[0]])
    status, told, _ = new("mine.tsv", "--src-lang", "en")
    assert status == 0
    assert "3 columns, separated by tabs; header id, German, English; UTF-8" in told
    assert "pairs      22: 20 distinct sources, 1 repeated, 1 with an empty side" in told
    assert "judged by  Exact match (0 targets have 4 tokens" in told
    assert "example    the a sleeps\n           a schläft\n" in told
    assert "download.corpus to mine in params.yaml" in told
    assert max(map(len, told.splitlines())) <= 80
    assert prepared_pairs(tmp_path, "mine", prepare_settings) == set(PAIRS)
    assert read_yaml(tmp_path / "params.yaml")["download"]["corpus"] != "mine"


def test_a_csv_with_quotes_is_put_to_use(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    pairs = [*PAIRS, *ODD]
    written(tmp_path, "qa.csv", ["question,answer", *(",".join(map(quoted, p)) for p in pairs)])
    options = ("--src-lang", "en", "--tgt-lang", "de", "--task", "question answering")
    status, told, _ = new("qa.csv", "--name", "answers", "--use", *options, "--dev", "3")
    assert status == 0
    assert "changed    download.corpus: phrasebook-en-de -> answers" in told
    expected = {(" ".join(src.split()), " ".join(tgt.split())) for src, tgt in pairs}
    assert prepared_pairs(tmp_path, "answers", prepare_settings) == expected
    assert read_yaml(tmp_path / "params.yaml")["download"]["corpus"] == "answers"
    entry = read_catalogue_entry(tmp_path / "data/catalogue", "answers")
    assert (entry.task, entry.make_splits and entry.make_splits.dev) == ("question answering", 3)


@pytest.mark.parametrize("swapped", [False, True])
def test_two_files_of_which_one_is_packed(
    swapped: bool, tmp_path: Path, new: Callable[..., Answer],
    prepare_settings: Callable[..., PrepareSettings],
) -> None:  # fmt: skip
    written(tmp_path, "mine.en", [src for src, _ in PAIRS])
    (tmp_path / "mine/other").mkdir()
    packed = gzip.compress("".join(f"{tgt}\n" for _, tgt in PAIRS).encode())
    (tmp_path / "mine/other/mine.de.gz").write_bytes(packed)
    files = ["mine.en", "other/mine.de.gz"]
    status, told, _ = new(*(files[::-1] if swapped else files), "--src-lang", "en")
    assert status == 0
    assert "languages  en to de" in told
    assert prepared_pairs(tmp_path, "mine", prepare_settings) == set(PAIRS)


def test_json_lines(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    lines = [json.dumps({"id": 1, "en": src, "ja": tgt}) for src, tgt in PAIRS]
    written(tmp_path, "mine.jsonl", lines)
    assert new("mine.jsonl")[0] == 0
    assert prepared_pairs(tmp_path, "mine", prepare_settings) == set(PAIRS)
    assert read_catalogue_entry(tmp_path / "data/catalogue", "mine").bleu_tokenizer == "char"


def test_nothing_is_replaced_unless_told(tmp_path: Path, new: Callable[..., Answer]) -> None:
    written(tmp_path, "a.en-de.tsv", ["\t".join(pair) for pair in PAIRS])
    assert new("a.en-de.tsv")[0] == 0
    status, _, said = new("a.en-de.tsv")
    assert (status, "a.yaml exists: choose another --name" in said) == (1, True)
    written(tmp_path, "a.en-de.tsv", ["\t".join(pair) for pair in PAIRS[::-1]])
    status, _, said = new("a.en-de.tsv", "--name", "b")
    assert (status, "data/local/a.en-de.tsv exists and is another file" in said) == (1, True)
    assert not (tmp_path / "data/catalogue/b.yaml").exists()
    assert new("a.en-de.tsv", "--force")[0] == 0


@pytest.mark.parametrize(
    ("lines", "options", "expected"),
    [
        (["\t".join(pair) for pair in PAIRS], [], "say --src-lang and --tgt-lang"),
        (["\t".join(pair) for pair in PAIRS], ["--src-lang", "en"], "say --tgt-lang, such as"),
        ([f"{src}\t{tgt}\tx" for src, tgt in PAIRS], [], "which columns are source and target?"),
        (["en\tde", "a\tb"], [], "1 distinct sources with a target: too few"),
        (["en\tde", *PAIRS[0]], [], "is no table"),
        (["en\tde", "a\tb"], ["--tgt-column", "dee"], "no column dee (did you mean de?)"),
        (["en\tde", "a\tb"], ["--name", "../x"], "a name without / is needed"),
        (["en\tde", "a\tb"], ["--name", "ä"], "name: "),
    ],
)
def test_what_is_unclear_is_asked_for(
    lines: list[str], options: list[str], expected: str, tmp_path: Path,
    new: Callable[..., Answer],
) -> None:  # fmt: skip
    written(tmp_path, "mine.tsv", lines)
    status, told, said = new("mine.tsv", *options)
    assert (status, told) == (1, "")
    assert said.startswith("attn2seq new: error: ")
    assert expected in said
    assert list((tmp_path / "data/catalogue").iterdir()) == []
    assert not (tmp_path / "data/local").exists()


def test_files_that_are_none(tmp_path: Path, new: Callable[..., Answer]) -> None:
    written(tmp_path, "a.en", ["a"])
    for files, expected in (
        (["none.tsv"], "mine/none.tsv is no file"),
        (["a.en"] * 3, "one table or two text files are needed, got 3 files"),
        (["a.en", "b.zip"], "mine/b.zip is an archive: unpack it"),
    ):
        (tmp_path / "mine/b.zip").touch()
        assert expected in new(*files)[2]


def test_a_parquet_table(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    rows = [{"id": n, "translation": {"de": tgt, "en": src}} for n, (src, tgt) in enumerate(PAIRS)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mine/mine.parquet")
    status, told, said = new("mine.parquet", "--src-lang", "en")
    assert status == 0, said
    assert "a parquet table with the columns id, translation.de, translation.en" in told
    assert "languages  en to de" in told
    assert prepared_pairs(tmp_path, "mine", prepare_settings) == set(PAIRS)


def test_a_parquet_table_that_leaves_its_columns_open(
    tmp_path: Path, new: Callable[..., Answer]
) -> None:
    texts = {"a": ["x"], "b": ["y"], "c": ["z"], "n": [0.5]}
    pq.write_table(pa.table(texts), tmp_path / "mine/mine.parquet")
    status, _, said = new("mine.parquet")
    assert (status, "Say --src-column and --tgt-column, each one of a, b, c" in said) == (1, True)
    status, _, said = new("mine.parquet", "--src-column", "d", "--tgt-column", "b")
    assert (status, "there is no column d" in said) == (1, True)
    (tmp_path / "mine/mine.parquet").write_bytes(b"PAR1")
    status, _, said = new("mine.parquet")
    assert (status, "mine.parquet is damaged or cut short" in said) == (1, True)
    pq.write_table(pa.table({"a": ["x"], "n": [0.5]}), tmp_path / "mine/mine.parquet")
    status, _, said = new("mine.parquet")
    assert (status, "two columns of texts are needed, and it has a" in said) == (1, True)


def tmx(units: list[dict[str, str]]) -> str:
    texts = (
        "".join(f'<tuv xml:lang="{lang}"><seg>{escape(text)}</seg></tuv>'
                for lang, text in unit.items())
        for unit in units
    )  # fmt: skip
    body = "".join(f"<tu>{text}</tu>\n" for text in texts)
    return f'<?xml version="1.0"?>\n<tmx version="1.4"><header/><body>{body}</body></tmx>\n'


def test_a_translation_memory(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    units = [{"en-US": src, "de-DE": tgt} for src, tgt in [*PAIRS, *ODD]]
    written(tmp_path, "mine.tmx", tmx([*units, {"en-GB": "alone"}]).splitlines())
    status, told, said = new("mine.tmx", "--src-lang", "en")
    assert status == 0, said
    assert "format     TMX with the languages en, de\n" in told
    assert "1 units without both languages are left out" in told
    assert "languages  en to de" in told
    wanted = {(" ".join(src.split()), " ".join(tgt.split())) for src, tgt in [*PAIRS, *ODD]}
    assert prepared_pairs(tmp_path, "mine", prepare_settings) == wanted


@pytest.mark.parametrize(
    ("units", "options", "fault"),
    [
        ([{"en": "a", "de": "b", "fr": "c"}], [], "has the languages en, de, fr: say --src-lang"),
        ([{"en": "a"}], [], "has the languages en: say --src-lang and --tgt-lang"),
        ([{"en": "a", "de": "b"}], ["--tgt-lang", "it"], "no unit has both en and it; it has"),
        ([{"en": "a", "de": "b"}], ["--src-lang", "en", "--tgt-lang", "it"], "no unit has both"),
    ],
)
def test_a_translation_memory_that_leaves_its_languages_open(
    tmp_path: Path,
    new: Callable[..., Answer],
    units: list[dict[str, str]],
    options: list[str],
    fault: str,
) -> None:
    written(tmp_path, "mine.tmx", tmx(units).splitlines())
    status, _, said = new("mine.tmx", *options)
    assert (status, fault in said) == (1, True), said
    assert not list((tmp_path / "data/catalogue").iterdir())


def test_a_translation_memory_cut_short(tmp_path: Path, new: Callable[..., Answer]) -> None:
    text = tmx([{"en": src, "de": tgt} for src, tgt in PAIRS])
    written(tmp_path, "mine.tmx", text.splitlines()[:-3])
    status, _, said = new("mine.tmx")
    assert (status, [*(tmp_path / "data/catalogue").iterdir()]) == (1, [])
    assert "mine.tmx, line 20: not XML at position 1 (no element found)" in said
