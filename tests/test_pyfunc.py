"""The logged model: loads apart from the repository, and translates as the translator does."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translator
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.runs import ModelFiles, RunRecord, Store
from attn2seq.tracking import Tracker

DECODE = {
    "device": "cpu", "number_type": "float32", "beam_size": 3, "nbest": 2, "attention_maps": 0,
    "length_normalisation": "average", "length_alpha": 1.0, "min_length": 1, "batch_tokens": 100,
    "max_length_factor": 2.0, "max_length_offset": 5, "max_source_length": 50, "threads": 1,
    "search": "beam", "coverage_penalty": 0.0, "temperature": 1.0, "top_k": 0, "top_p": 1.0,
    "sampling_seed": 1, "mbr": "none", "mbr_candidates": 2, "ensemble": [],
}  # fmt: skip
TEXTS = ["abc bca", "", "cab"]
LOAD = """
import json, sys, warnings
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
import attn2seq
print(json.dumps([model.predict(json.loads(sys.argv[2])), attn2seq.__file__]))
"""


@pytest.fixture
def model_folder(tmp_path: Path, small_model: Callable[..., Seq2Seq]) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    written = io.BytesIO()
    # Fifteen letters, the space and four special ids: the small model's 20.
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abcde fghij klmno"]), model_writer=written, vocab_size=20,
        pad_id=0, unk_id=1, bos_id=2, eos_id=3, minloglevel=2, model_type="char",
    )  # fmt: skip
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(written.getvalue())
    model = small_model()
    save_model(folder, model, weights_of(model))
    return folder


def test_the_logged_model_translates_as_the_translator_does(
    model_folder: Path, tmp_path: Path
) -> None:
    database = tmp_path / "mlflow.db"
    store = Store(f"sqlite:///{database}", tmp_path / "lock", database, tmp_path / "artifacts")
    record = RunRecord("f", "toy", "a run", {}, {}, model=ModelFiles(model_folder, DECODE))
    assert Tracker(store, 5).complete(record).added == ("model",)
    (description,) = (tmp_path / "artifacts").rglob("MLmodel")
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, str(description.parent), json.dumps(TEXTS)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    translations, package = json.loads(loaded.stdout)
    translator = Translator(model_folder, DecodeSettings.model_validate(DECODE))
    assert translations == [item.hypotheses[0].text for item in translator.translate(TEXTS)]
    assert Path(package).is_relative_to(description.parent)
    requirements = (description.parent / "requirements.txt").read_text()
    assert "sentencepiece==" in requirements
    assert "+cpu" not in requirements
