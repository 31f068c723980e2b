"""The library's door: what it loads, what it gives, and what it leaves as it was."""

import inspect
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch
from table_model import decode_settings
from tiny_model import TEXTS
from tiny_tokenizer import tiny_tokenizer

import attn2seq
from attn2seq.api import load
from attn2seq.batching.batch import make_batch
from attn2seq.decoding.settings import DecodeSettings, SearchOptions
from attn2seq.errors import UserError
from attn2seq.model_folder import STANDARD
from attn2seq.tokenization.tokenizer import EOS_ID
from attn2seq.workspace.stage import Stage
from pipeline import decode, package

ROOT = Path(__file__).parents[1]
SETTINGS = decode_settings(beam_size=4, nbest=2, min_length=1, max_length_offset=10)
Complete = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(complete_model: Complete, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_model(tmp_path_factory.mktemp("complete") / "model", SETTINGS)


def found(translations: list[attn2seq.Translation]) -> list[list[tuple[str, float]]]:
    return [[(one.text, one.score) for one in each.hypotheses] for each in translations]


def test_the_door_is_what_the_stub_says() -> None:
    stub = (ROOT / "src/attn2seq/__init__.pyi").read_text(encoding="utf-8")
    assert sorted(re.findall(r"import (\w+) as", stub)) == attn2seq.__all__
    assert attn2seq.load is load
    assert set(attn2seq.__all__) < set(dir(attn2seq))
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        attn2seq.laod  # type: ignore[attr-defined]  # noqa: B018
    imported = "import sys, attn2seq; print([name for name in sys.modules if 'torch' in name])"
    done = subprocess.run(
        [sys.executable, "-c", imported], env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_every_setting_can_be_given() -> None:
    """At each call those of the search, when it is loaded also those of the machine."""
    search = set(get_type_hints(SearchOptions)) | {"beam_size", "nbest"}
    machine = {"device", "number_type", "threads", "ensemble"}
    # The translator is told how many maps to keep at each call.
    assert search | machine | {"attention_maps"} == set(DecodeSettings.model_fields)
    assert machine | {"beam_size", "nbest"} < set(inspect.signature(load).parameters)
    hints = get_type_hints(DecodeSettings)
    for name, kind in get_type_hints(SearchOptions).items():
        assert hints[name] == kind, name


def test_options_take_the_place_of_what_the_folder_says(folder: Path) -> None:
    translator = load(folder)
    assert translator.settings == SETTINGS.model_copy(update={"device": "auto"})
    plain = found(translator.translate(TEXTS))
    assert {len(each) for each in plain} == {1, 2}  # blank texts have one, which is empty
    wider = found(translator.translate(TEXTS, beam_size=8, nbest=5))
    assert max(len(each) for each in wider) == 5
    assert found(load(folder, beam_size=8, nbest=5).translate(TEXTS)) == wider
    drawn = found(translator.translate(TEXTS, search="sampling", sampling_seed=3))
    assert drawn != found(translator.translate(TEXTS, search="sampling", sampling_seed=4))
    assert found(load(folder, search="sampling", sampling_seed=3).translate(TEXTS)) == drawn
    # A call's options are gone with it.
    assert found(translator.translate(TEXTS)) == plain
    for make in (
        lambda: load(folder, beam_size=0),
        lambda: translator.translate(TEXTS, beam_size=0),
    ):
        with pytest.raises(UserError, match=r"the request has 1 .*\n.*decode\.beam_size"):
            make()
    options: Any = {"beem_size": 3}
    with pytest.raises(UserError, match=r"did you mean decode\.beam_size\?"):
        translator.translate(TEXTS, **options)


def test_what_is_no_list_of_texts(folder: Path) -> None:
    translator = load(folder)
    expected = translator.translate(["a cat", "she reads"])
    for texts in (("a cat", "she reads"), iter(["a cat", "she reads"]),
                  pd.Series(["a cat", "she reads"]), np.array(["a cat", "she reads"])):  # fmt: skip
        assert found(translator.translate(texts)) == found(expected)
    with pytest.raises(TypeError, match=r"list of strings, not one: give \['a cat'\]"):
        translator.translate("a cat")
    with pytest.raises(TypeError, match=r"texts\[1\] must be a string, not None"):
        translator.translate(["a cat", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"targets must be a list of strings"):
        translator.score(["a cat"], "a cat")
    with pytest.raises(UserError, match=r"2 sources, but 1 targets"):
        translator.score(["a cat", "a cat"], ["a cat"])
    with pytest.raises(UserError, match=r"texts\[0\] holds half of a surrogate pair"):
        translator.translate(["a \ud800"])


def test_scores_are_log_probabilities(folder: Path) -> None:
    """In nats, the end of the sentence counted: torch's own cross-entropy over all positions."""
    translator = load(folder)
    sources, targets = ["two men", "a cat"], ["a dog runs", "she reads"]
    scores = translator.score(sources, targets)
    nats = [score.nats for score in translator.reference_scores(sources, targets)]
    assert scores == [-one for one in nats]
    for source, target, score in zip(sources, targets, scores, strict=True):
        [src], [tgt] = (
            translator.src_tokenizer.encode([source]),
            translator.tgt_tokenizer.encode([target]),
        )
        logits_TV = translator.model.output(
            translator.model(make_batch([src], [tgt])).readout_BTR[0]
        )
        loss = torch.nn.functional.cross_entropy(
            logits_TV, torch.tensor([*tgt, EOS_ID]), reduction="sum"
        )
        assert score == pytest.approx(-loss.item(), rel=1e-4)


def test_texts_are_normalised_here_and_once(
    model_folder: Path, complete_model: Complete, tmp_path: Path
) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(model_folder, trained)
    for name in ("src.model", "tgt.model"):  # like the real ones, they leave texts as they are
        (trained / name).write_bytes(tiny_tokenizer(TEXTS, normalisation="identity"))
    wide = "\uff41 \uff43at"  # "a cat" in full-width letters, which the vocabulary does not know
    folded = load(complete_model(tmp_path / "nfkc", SETTINGS, "nfkc", trained))
    plain, other = folded.translate(["a cat", f" {wide}\n"])
    assert plain == other
    assert folded.score(["a cat"], ["two men"]) == folded.score([wide], ["two  men "])
    composed = load(complete_model(tmp_path / "nfc", SETTINGS, "nfc", trained))
    plain, other = composed.translate(["a cat", wide])
    assert plain.hypotheses != other.hypotheses
    assert folded.translate(["a cat"], prefix=" the  old")[0].text.startswith("the old")


def state_of_the_process() -> dict[str, Any]:
    root = logging.getLogger()
    return {
        "threads": torch.get_num_threads(),
        "interop": torch.get_num_interop_threads(),
        "seed": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "random": random.getstate(),
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32": (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "logging": (root.level, list(root.handlers), logging.getLogger("attn2seq").level),
        "cwd": Path.cwd(),
        "environment": dict(os.environ),
        "path": list(sys.path),
    }


@pytest.mark.parametrize("threads", [None, 2])
def test_the_process_stays_as_it_was(folder: Path, threads: int | None) -> None:
    before = state_of_the_process()
    translator = load(folder, threads=threads)
    translator.translate(TEXTS, search="sampling")
    translator.score(["a cat"], ["two men"])
    assert state_of_the_process() == before


def test_several_threads_at_once(folder: Path) -> None:
    """One translator, and others that change torch's threads meanwhile."""
    before = torch.get_num_threads()
    shared = load(folder)
    own = [load(folder, threads=count) for count in (1, 2, 3)]
    expected = {seed: found(shared.translate(TEXTS, search="sampling", sampling_seed=seed))
                for seed in range(4)}  # fmt: skip

    def work(number: int) -> bool:
        translator = [shared, *own][number % 4]
        seed = number // 4 % 4
        again = found(translator.translate(TEXTS, search="sampling", sampling_seed=seed))
        return [[text for text, _ in each] for each in again] == [
            [text for text, _ in each] for each in expected[seed]
        ]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(32)))
    assert torch.get_num_threads() == before


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
    (tmp_path / "results/evaluate").mkdir(parents=True)
    scores = {split: {"bleu": 12.345, "perplexity": 3.0} for split in ("dev", "test")}
    signed = {split: {"bleu": {"signature": "a|b", "low": 1, "high": 20}} for split in scores}
    for name, values in (("metrics", scores), ("signatures", signed)):
        (tmp_path / f"results/evaluate/{name}.json").write_text(json.dumps(values))
    monkeypatch.chdir(tmp_path)
    prepare = {
        "unicode_form": "nfkc", "max_words": 0, "max_characters": 0, "max_length_ratio": 0.0,
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
                 "| bleu | 12.35 (1.00 to 20.00) | 12.35 (1.00 to 20.00) | a, b |",
                 "a beam of 4"):  # fmt: skip
        assert part in card
    assert "## Origin" not in card
    # Neither the place nor the time is in it.
    first = {path.name: path.read_bytes() for path in model.iterdir()}
    assert not [name for name, content in first.items() if str(tmp_path).encode() in content]
    for stage in ("download", "prepare", "tokenize", "train", "decode", "evaluate", "report"):
        Path("results/code").mkdir(exist_ok=True)
        Path(f"results/code/{stage}.txt").write_text(stage)
    package.main(Stage("package", workspace, {}))
    said = re.search(r"- code: ([0-9a-f]{32})\n", (model / "README.md").read_text())
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


def test_names_that_mean_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"nowhere holds no model \(config\.json is missing\)"):
        load(Path("nowhere"))
    with pytest.raises(UserError, match=r"nowhere is neither a model folder nor a revision here"):
        load("nowhere")
    with pytest.raises(UserError, match=r"models:/toy@champion: no runs here"):
        load("models:/toy@champion")
