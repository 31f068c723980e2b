"""The library's door: what it loads, what it gives, and what it leaves as it was."""

import inspect
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
from attn2seq.tokenization.tokenizer import EOS_ID

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
    # Maps are asked for at each call; several processes are the stage's affair.
    assert search | machine | {"attention_maps", "processes"} == set(DecodeSettings.model_fields)
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
    with pytest.raises(TypeError, match=r"give a list of strings, not one: \['a cat'\]"):
        translator.translate("a cat")
    with pytest.raises(TypeError, match="text 2 must be a string, not None"):
        translator.translate(["a cat", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="give a list of strings, not one"):
        translator.score(["a cat"], "a cat")
    with pytest.raises(UserError, match=r"2 sources, but 1 targets"):
        translator.score(["a cat", "a cat"], ["a cat"])
    with pytest.raises(UserError, match="text 1 is no text: it holds half of a"):
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


def test_names_that_mean_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"nowhere holds no model \(config\.json is missing\)"):
        load(Path("nowhere"))
    with pytest.raises(UserError, match=r"nowhere is neither a model folder nor a revision here"):
        load("nowhere")
    with pytest.raises(UserError, match=r"models:/toy@champion: no runs here"):
        load("models:/toy@champion")
