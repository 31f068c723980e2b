"""Model folders: what `package` puts into one, wherever it is moved, and those of before."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from table_model import decode_settings
from tiny_model import TEXTS

import attn2seq
from attn2seq.api import load
from attn2seq.card_metadata import read_metadata
from attn2seq.catalogue.catalogue import write_raw_entry
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model_folder import STANDARD
from attn2seq.workspace.fingerprint import RUN_STAGES
from attn2seq.workspace.stage import Stage
from pipeline import decode, package

SETTINGS = decode_settings(beam_size=4, nbest=2, min_length=1, max_length_offset=10)
Complete = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(complete_model: Complete, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_model(tmp_path_factory.mktemp("complete") / "model", SETTINGS)


def found(translations: list[attn2seq.Translation]) -> list[list[tuple[str, float]]]:
    return [[(one.text, one.score) for one in each.hypotheses] for each in translations]


@pytest.fixture
def workspace(
    model_folder: Path, further_model: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:  # fmt: skip
    """What decode and package read; the params."""
    shutil.copytree(model_folder, tmp_path / "models/trained")
    further_model("data/ensemble/other")
    pairs = pd.DataFrame({"src": [*TEXTS, ""], "tgt": ["two men", *TEXTS]})
    (tmp_path / "data/prepared").mkdir(parents=True)
    for split in ("dev", "test"):
        pairs.to_parquet(tmp_path / f"data/prepared/{split}.parquet")
    facts = {
        "name": "toy-en-de", "title": "Toys", "task": "translation", "src_lang": "en",
        "tgt_lang": "de", "licence": "CC BY 2.0", "citation": "Toy (2020)",
    }  # fmt: skip
    (tmp_path / "data/prepared/corpus.json").write_text(json.dumps(facts))
    hub = "https://huggingface.co/datasets/somebody/toys/resolve/main/toys.tsv"
    entry = CatalogueEntry.model_validate(facts | {
        "files": [{"url": hub, "sha256": "0" * 64}], "reader": "delimited", "delimiter": "\t",
        "bleu_tokenizer": "13a", "columns": {"src": 1, "tgt": 2},
        "splits": {"train": {"file": "toys.tsv"}}, "make_splits": {"dev": 1, "test": 1, "seed": 1},
    })  # fmt: skip
    (tmp_path / "data/raw").mkdir()
    write_raw_entry(tmp_path / "data/raw", entry)
    (tmp_path / "results/evaluate").mkdir(parents=True)
    scores = {split: {"bleu": 12.345, "perplexity": 3.0} for split in ("dev", "test")}
    signed = {split: {"bleu": {"signature": "a|b", "low": 1, "high": 20}} for split in scores}
    for name, values in (("metrics", scores), ("signatures", signed)):
        (tmp_path / f"results/evaluate/{name}.json").write_text(json.dumps(values))
    (tmp_path / "results/code").mkdir()
    for stage in RUN_STAGES:
        (tmp_path / f"results/code/{stage}.txt").write_text(f"0123456789abcdef  pipeline.{stage}\n")
    monkeypatch.chdir(tmp_path)
    prepare = {
        "unicode_form": "nfkc", "max_words": 0, "max_characters": 0, "max_length_ratio": 0.0,
        "length_ratio_unit": "word", "max_similarity": 1.0, "src_script": "", "tgt_script": "",
        "min_character_score": 0.0, "min_language_id_score": 0.0, "drop_duplicate_targets": False,
        "drop_duplicates": True, "drop_leaked_sources": True, "dev_share": 0.0,
        "limit_train_pairs": 0, "seed": 1,
    }  # fmt: skip
    return {"prepare": prepare, "decode": SETTINGS.model_dump()}


@pytest.mark.parametrize("ensemble", [[], ["other"]])
def test_the_packaged_model_gives_elsewhere_what_the_pipeline_gave(
    workspace: dict[str, Any], ensemble: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    workspace["decode"]["ensemble"] = ensemble
    decode.main(Stage("decode", workspace, {}))
    package.main(Stage("package", workspace, {}))
    lines = Path("results/decode/test/nbest.jsonl").read_text(encoding="utf-8").splitlines()
    decoded = [[(one["text"], one["score"]) for one in json.loads(line)["hypotheses"]]
               for line in lines]  # fmt: skip
    nats = pd.read_parquet("results/decode/test/reference_nats.parquet")["nats"].tolist()
    # Mailed to a friend.
    elsewhere = tmp_path / "a friend's folder"
    elsewhere.mkdir()
    shutil.move("models/model", elsewhere / "translator")
    for gone in ("data", "models", "results"):
        shutil.rmtree(gone)
    monkeypatch.chdir("/")
    translator = load(elsewhere / "translator")
    again = found(translator.translate([*TEXTS, ""]))
    assert [[(text, round(score, 6)) for text, score in each] for each in again] == [
        [(text, pytest.approx(score, abs=1e-6)) for text, score in each] for each in decoded
    ]
    assert [-score for score in translator.score([*TEXTS, ""], ["two men", *TEXTS])] == nats
    if ensemble:
        alone = load(elsewhere / "translator", ensemble=[]).translate([*TEXTS, ""])
        assert found(alone) != again
        with pytest.raises(UserError, match="members/third holds no model"):
            load(elsewhere / "translator", ensemble=["third"])


def test_the_packaged_folder(workspace: dict[str, Any], tmp_path: Path) -> None:
    package.main(Stage("package", workspace, {}))
    model = tmp_path / "models/model"
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md", "config.json", "model.safetensors", "src.model", "tgt.model",
    ]  # fmt: skip
    config = json.loads((model / "config.json").read_text())
    assert config["format"] == 3
    assert config["decode"] == workspace["decode"]
    assert config["texts"] == {
        "corpus": "toy-en-de", "task": "translation", "src_lang": "en", "tgt_lang": "de",
        "unicode_form": "nfkc",
    }  # fmt: skip
    card = (model / "README.md").read_text()
    for part in ("# toy-en-de\n", "Translation, en to de", "licence: CC BY 2.0", "Toy (2020)",
                 "| BLEU ↑ | 12.35 (1.0–20.0) | 12.35 (1.0–20.0) | a, b |",
                 "a beam of 4"):  # fmt: skip
        assert part in card
    metadata = read_metadata(card, model / "README.md")
    assert (metadata["license"], metadata["datasets"]) == ("cc-by-2.0", ["somebody/toys"])
    [score] = metadata["model-index"][0]["results"][0]["metrics"]
    assert (score["type"], score["value"], score["args"]) == ("bleu", 12.35, {"signature": "a|b"})
    # Neither the place nor the time is in it.
    first = {path.name: path.read_bytes() for path in model.iterdir()}
    assert not [name for name, content in first.items() if str(tmp_path).encode() in content]
    said = re.search(r"- code: ([0-9a-f]{8})\n", card)
    assert said is not None
    Path("results/code/report.txt").write_text("no score follows from it")
    package.main(Stage("package", workspace, {}))
    assert said[0] in (model / "README.md").read_text()
    Path("results/code/train.txt").write_text("changed")
    package.main(Stage("package", workspace, {}))
    assert said[0] not in (model / "README.md").read_text()


def test_folders_of_before(model_folder: Path, tmp_path: Path) -> None:
    """With decode.json and texts.json beside the weights, as MLflow has them, or with neither."""
    old = tmp_path / "old"
    shutil.copytree(model_folder, old)
    assert json.loads((old / "config.json").read_text())["format"] == 2
    bare = load(old)
    assert bare.settings == DecodeSettings.model_validate(STANDARD)
    assert (bare.settings.beam_size, bare.settings.length_normalisation) == (5, "wu")
    assert bare.settings.length_alpha == 1.0
    assert bare.unicode_form == "none"
    (old / "decode.json").write_text(json.dumps(SETTINGS.model_dump()))
    (old / "texts.json").write_text('{"unicode_form": "nfkc"}')
    told = load(old, device="cpu")
    assert told.settings == SETTINGS
    assert told.unicode_form == "nfkc"
    (old / "texts.json").write_text('{"unicode_form": "nfd"}')
    with pytest.raises(UserError, match=r"texts\.json: unicode_form is 'nfd', not one of nfc"):
        load(old)
    (old / "texts.json").unlink()
    (old / "decode.json").write_text(json.dumps(SETTINGS.model_dump() | {"ensemble": ["a"]}))
    said: list[str] = []
    load(old, warn=said.append)
    assert "decodes without all models that decode.ensemble names (a)" in said[0]


def test_damaged_configs_are_named(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    config = json.loads((broken / "config.json").read_text())
    for section, changes, fault in (
        ("texts", {"unicode_form": "nfd"}, r"texts\.unicode_form: input should be 'nfc'"),
        ("texts", {"languages": 2}, r"texts\.languages: unknown key"),
        ("decode", {"beam_size": "5"}, r"decode\.beam_size: input should be a valid integer"),
    ):
        changed = config | {section: config[section] | changes}
        (broken / "config.json").write_text(json.dumps(changed))
        with pytest.raises(UserError, match=rf"config\.json has 1 .*\n.*{fault}"):
            load(broken)
