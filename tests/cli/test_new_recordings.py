"""`attn2seq new` of a folder of recordings: what it writes is downloaded and prepared."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tone_corpus import encoded, tone

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.cli.main import main
from attn2seq.config import read_yaml
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.sources.download import Places, download_corpus

pytest.importorskip("soundfile")
ROOT = Path(__file__).parents[2]
TEXTS = {"a1": "do mi", "a2": "so", "b1": "ti do", "b2": "mi", "c1": "so so", "c2": "do"}
Answer = tuple[int, str, str]


@pytest.fixture
def new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs the verb in a workspace: its status and what it prints."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "data/catalogue").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        status = main(["new", *arguments])
        return status, *capsys.readouterr()

    return run


def recorded(folder: Path, texts: Mapping[str, str], speakers: bool = False) -> None:
    """Recordings of the texts; with `speakers`, in folders by the first letters of their names."""
    generator = np.random.default_rng(1)
    for number, (name, text) in enumerate(texts.items()):
        place = folder / name[0] if speakers else folder
        place.mkdir(parents=True, exist_ok=True)
        kind = "FLAC" if number % 2 else "WAV"
        sound = encoded(tone(text.split(), generator), kind)
        (place / f"{name}.{kind.lower()}").write_bytes(sound)


def prepared(tmp_path: Path, name: str, settings: PrepareSettings) -> dict[str, int]:
    """The recordings of each split, through the same calls as the stages'."""
    entry = read_catalogue_entry(tmp_path / "data/catalogue", name)
    raw = tmp_path / "raw"
    download_corpus(entry, raw, Places(tmp_path / "data/local", tmp_path, None), lambda _: None)
    account = tmp_path / "metrics.json"
    prepare_corpus(raw, tmp_path / "prepared", account, settings, lambda _: None)
    told = json.loads(account.read_text(encoding="utf-8"))
    return {split: told[split]["kept"] for split in ("train", "dev", "test")}


def test_a_table_of_names_and_texts(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    recorded(tmp_path / "mine", TEXTS, speakers=True)
    lines = ["path\tsentence\tage", *(f"{name}\t{text}\t30" for name, text in TEXTS.items())]
    Path("texts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    status, told, error = new("mine", "texts.tsv", "--tgt-lang", "en", "--use")
    assert (status, error) == (0, "")
    assert "recordings 6 of 8,000 Hz in mine\n" in told
    assert "separated by tabs, names in column path, texts in column sentence\n" in told
    assert "speakers   3, by the folders that the recordings lie in\n" in told
    assert "example    a/a1: do mi\n" in told
    assert "splits     dev 1 and test 1 speakers; the rest is train\n" in told
    assert read_yaml(Path("params.yaml"))["download"]["corpus"] == "mine"
    assert prepared(tmp_path, "mine", prepare_settings()) == {"train": 2, "dev": 2, "test": 2}
    # Again, it is there already; the same files give the same archive.
    assert new("mine", "texts.tsv", "--tgt-lang", "en")[0] == 1
    status, told, _ = new("mine", "texts.tsv", "--tgt-lang", "en", "--force")
    assert (status, "copied" in told) == (0, False)


def test_a_table_in_quotes(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    texts = TEXTS | {"c2": "do, mi"}
    recorded(tmp_path / "mine", {name: text.replace(",", "") for name, text in texts.items()})
    lines = [f'{name}.wav,"{text}"' for name, text in texts.items()]
    Path("texts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    status, told, error = new("mine", "texts.csv", "--tgt-lang", "en")
    assert (status, error) == (0, "")
    assert "separated by commas, names in column 1, texts in column 2\n" in told
    assert prepared(tmp_path, "mine", prepare_settings()) == {"train": 4, "dev": 1, "test": 1}


def test_a_text_beside_each_recording(
    tmp_path: Path, new: Callable[..., Answer], prepare_settings: Callable[..., PrepareSettings]
) -> None:
    recorded(tmp_path / "mine", TEXTS)
    for name, text in TEXTS.items():
        (tmp_path / f"mine/{name}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "mine/notes.pdf").write_bytes(b"not packed")
    status, told, _ = new("mine", "--name", "tones", "--tgt-lang", "en")
    assert status == 0
    assert "texts      each in a file beside its recording\n" in told
    assert "next       attn2seq recipe an4, and set download.corpus to tones in params" in told
    assert prepared(tmp_path, "tones", prepare_settings()) == {"train": 4, "dev": 1, "test": 1}


@pytest.mark.parametrize(
    ("spoilt", "arguments", "message"),
    [
        ("none", ["empty"], "empty has no recordings (.flac, .wav, .sph) at any depth"),
        ("none", ["mine"], "6 of 6 recordings have no text beside them, such as mine/a1.txt"),
        ("none", ["mine", "a.tsv"], "a.tsv: which columns are the names and the texts? Say --src"),
        ("none", ["mine", "a.tsv", "--src-column", "5"], "no column 5 (it has 1, 2, 3)"),
        ("none", ["mine", "mine"], "given alone, or with one file of transcripts after it"),
        ("rate", ["mine"], "several sample rates: 8,000 Hz (6), 16,000 Hz (1); convert them"),
        ("broken", ["mine"], "mine/zz.wav cannot be read as audio"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, new: Callable[..., Answer], spoilt: str, arguments: list[str], message: str
) -> None:
    recorded(tmp_path / "mine", TEXTS)
    (tmp_path / "empty").mkdir()
    Path("a.tsv").write_text("".join(f"{name}\tx\t{text}\n" for name, text in TEXTS.items()))
    extra = {"rate": encoded(np.zeros(800, np.float32), rate=16000), "broken": b"RIFF"}
    if spoilt in extra:
        (tmp_path / "mine/zz.wav").write_bytes(extra[spoilt])
    status, _, error = new(*arguments, "--tgt-lang", "en")
    assert (status, message in error) == (1, True), error
    assert not list((tmp_path / "data/catalogue").iterdir())
    assert not (tmp_path / "data/local").exists()


def test_the_language_is_asked_for(tmp_path: Path, new: Callable[..., Answer]) -> None:
    recorded(tmp_path / "mine", TEXTS)
    assert "say --tgt-lang, the language that is spoken" in new("mine")[2]
