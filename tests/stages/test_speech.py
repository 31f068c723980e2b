"""Recordings through all stages: a model learns to write down tones, and its folder does it."""

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard
from made_once import made_once
from ruamel.yaml import YAML
from tiny_project import run_stages, working_in, write_params
from tone_corpus import ENTRY, encoded, tone, tone_archive

import attn2seq
from attn2seq.hub.folder import write_for_hub
from attn2seq.model_folder import read_model_folder

CHANGES = {
    "download": {"corpus": "tones"},
    "tokenize": {"model_type": "word", "joint_vocabulary": False},
    "features": {
        "mel_bins": 24, "front_end_size": 8, "speeds": [1.0, 0.95], "frequency_masks": 1,
        "frequency_mask_bins": 2, "time_masks": 1, "time_mask_frames": 5,
    },
    "model": {
        "embedding_size": 32, "encoder_hidden_size": 32, "decoder_hidden_size": 32,
        "attention_size": 16, "readout_size": 32, "tie_embeddings": "target",
    },
    "train": {
        "max_steps": 400, "max_epochs": 100, "evaluate_every_steps": 100, "batch_tokens": 400,
        "batch_sentences": 16, "learning_rate": 0.01, "warmup_steps": 20, "label_smoothing": 0.0,
        "number_type": "float32", "ctc_weight": 0.3,
    },
    "decode": {"max_length_factor": 1.0, "threads": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all stages have run."""
    return made_once(tmp_path_factory, "spoken", _run)


def _run(root: Path) -> Path:
    (root / "data/catalogue").mkdir(parents=True)
    (root / "data/local").mkdir()
    YAML(typ="safe").dump(ENTRY, root / "data/catalogue/tones.yaml")
    (root / "data/local/tones.tar.gz").write_bytes(tone_archive())
    write_params(root, "phrasebook-en-de", CHANGES)
    with working_in(root):
        run_stages(root)
    return root


def test_a_model_learns_to_write_down_what_is_said(spoken: Path) -> None:
    scores = json.loads((spoken / "results/evaluate/metrics.json").read_text(encoding="utf-8"))
    assert scores["test"]["wer"] < 5, scores
    assert scores["test"]["cer"] < 5, scores


def test_speakers_are_in_one_split_each(spoken: Path) -> None:
    names = {
        split: pd.read_parquet(spoken / f"data/prepared/{split}.parquet")["src"]
        for split in ("train", "dev", "test")
    }
    speakers = {split: {name.split("/")[0] for name in found} for split, found in names.items()}
    assert [len(found) for found in speakers.values()] == [9, 1, 2]
    assert len(set.union(*speakers.values())) == 12
    hygiene = json.loads((spoken / "results/prepare/metrics.json").read_text())["hygiene"]
    assert hygiene["test"]["speakers_in_train"] == 0
    assert hygiene["test"]["speakers"] == 2
    assert hygiene["test"]["targets_in_train"] > 0


def test_the_model_folder_alone_transcribes_a_file(spoken: Path, tmp_path: Path) -> None:
    translator = attn2seq.load(spoken / "models/model", device="cpu", threads=1)
    assert not (spoken / "models/model/src.model").exists()
    generator = np.random.default_rng(77)
    for kind in ("WAV", "FLAC", "NIST"):
        path = tmp_path / f"said.{kind.lower()}"
        path.write_bytes(encoded(tone(["ti", "do", "so"], generator), kind))
        assert translator.translate([str(path)])[0].text == "ti do so"


def test_the_folder_gives_what_the_stage_gave(spoken: Path) -> None:
    names = pd.read_parquet(spoken / "data/prepared/test.parquet")["src"]
    paths = [str(spoken / f"data/prepared/recordings/{name}.flac") for name in names]
    translator = attn2seq.load(spoken / "models/model", device="cpu", threads=1)
    found = [each.text for each in translator.translate(paths)]
    stage = (spoken / "results/decode/test/hypotheses.txt").read_text(encoding="utf-8")
    assert found == stage.splitlines()


def test_it_is_published_as_a_recognizer_of_speech(spoken: Path, tmp_path: Path) -> None:
    write_for_hub(read_model_folder(spoken / "models/model"), tmp_path / "published")
    assert {path.name for path in (tmp_path / "published").iterdir()} == {
        "README.md", "SHA256SUMS", "config.json", "model.safetensors", "tgt.model",
    }  # fmt: skip
    data = ModelCard.load(tmp_path / "published/README.md").data
    assert data.pipeline_tag == "automatic-speech-recognition"
    assert {"wer", "cer"} <= set(data.metrics)
    scores = json.loads((spoken / "results/evaluate/metrics.json").read_text(encoding="utf-8"))
    [wer] = [score for score in data.eval_results if score.metric_type == "wer"]
    assert wer.metric_value == round(scores["test"]["wer"], 2)


def test_the_report_tells_the_scores_of_each_speaker(spoken: Path) -> None:
    page = (spoken / "results/report/index.html").read_text(encoding="utf-8")
    analysis = json.loads((spoken / "results/evaluate/analysis.json").read_text(encoding="utf-8"))
    rows = analysis["test"]["by_speaker"]
    assert len(rows) == 2
    assert sum(row["sentences"] for row in rows) == 40
    for row in rows:
        assert f'<th scope="row">{row["speaker"]}</th>' in page
    assert "Transcripts that also occur in train" in page


def test_attention_maps_have_a_column_for_each_position(spoken: Path) -> None:
    with np.load(spoken / "results/decode/test/attention.npz") as arrays:
        weights, pieces = arrays["weights_0"], arrays["src_0"]
    assert weights.shape[1] == len(pieces)
    assert list(pieces[:3]) == ["0.00", "0.04", "0.08"]
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-2)
    page = (spoken / "results/report/index.html").read_text(encoding="utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    shown = data["sentences"][0]["attention"]
    assert shown["bins"] == 24
    assert len(base64.b64decode(shown["mels"])) == 24 * len(pieces)
