"""Exported models: equal to torch's, complete, and refused where they cannot be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from table_model import decode_settings
from tiny_model import TEXTS, TRANSFORMER, tiny_model
from tiny_tokenizer import tiny_tokenizer

from attn2seq.cli.main import main
from attn2seq.errors import UserError
from attn2seq.export.check import largest_difference
from attn2seq.export.folder import export_model
from attn2seq.export.graphs import ENCODER, STEP, write_graphs
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model_folder import read_model_folder

RECURRENT_MIXING = TRANSFORMER | {"decoder_mixing": "recurrent"}
MODELS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "rnn_relu": {"cell": "rnn_relu"},
    "lrn": {"cell": "lrn", "bidirectional": "first", "encoder_layers": 2, "bridge": "zero"},
    "layer_norm_lstm": {"cell": "layer_norm_lstm"},
    "no attention": {"attention": "none", "input_feeding": False, "reverse_source": True},
    "dot": {"attention": "dot"},
    "general": {"attention": "general"},
    "normalised": {"attention": "normalised_additive", "context_into": "first_layer"},
    "location": {"attention": "location"},
    "multi_head": {
        "attention": "multi_head", "bridge": "last", "bidirectional": "none", "residual": True,
        "encoder_hidden_size": 16, "encoder_layers": 2, "context_into": "all_layers",
        "tie_embeddings": "all",
    },
    "pointer-generator": {"coverage": True, "copying": True},
    "transformer": TRANSFORMER,
    "copying transformer": TRANSFORMER | {"copying": True, "layer_normalisation": "post"},
    "mixing by lstm": RECURRENT_MIXING,
    "mixing by lrn": RECURRENT_MIXING | {"cell": "lrn"},
    "mixing by layer_norm_lstm": RECURRENT_MIXING | {"cell": "layer_norm_lstm"},
    "transformer under recurrent": {
        "encoder": "transformer", "encoder_hidden_size": 16, "cell": "gru",
    },
    "recurrent under transformer": TRANSFORMER | {
        "encoder": "recurrent", "encoder_hidden_size": 8,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_graphs_compute_what_the_model_does(name: str, tmp_path: Path) -> None:
    write_graphs(tiny_model(**MODELS[name]), tmp_path)
    assert largest_difference(tiny_model(**MODELS[name]), tmp_path) < 1e-3


def test_the_check_sees_one_other_weight(tmp_path: Path) -> None:
    write_graphs(tiny_model(), tmp_path)
    other = tiny_model()
    with torch.no_grad():
        other.decoder.readout.weight[0, 0] += 0.5
    with pytest.raises(UserError, match=r"its (log_probs|next_\w+) differs by"):
        largest_difference(other, tmp_path)
    other = tiny_model()
    with torch.no_grad():
        other.src_embedding.weight[7] += 0.5
    with pytest.raises(UserError, match=r"its (enc_states|keys|start_\w+) differs by"):
        largest_difference(other, tmp_path)


@pytest.fixture
def folder_of(tmp_path: Path, complete_model: Callable[..., Path]) -> Callable[..., Path]:
    """Makes a complete model folder, whose search has the given settings."""

    def make(model: dict[str, Any], vocabulary: bytes | None = None, **decode: Any) -> Path:
        trained = tmp_path / "trained"
        trained.mkdir()
        for name in ("src.model", "tgt.model"):
            (trained / name).write_bytes(vocabulary or tiny_tokenizer(TEXTS))
        made = tiny_model(**model)
        save_model(trained, made, weights_of(made))
        settings = decode_settings(min_length=1, max_length_offset=10, **decode)
        return complete_model(tmp_path / "model", settings, trained=trained)

    return make


def test_a_folder_says_all_that_a_program_needs(
    folder_of: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = folder_of({"coverage": True}, beam_size=3)
    target = tmp_path / "exported"
    assert main(["export", "--model", str(model), str(target)]) == 0
    assert f"{target}: 0." in capsys.readouterr().out
    names = {path.name for path in target.iterdir()}
    assert names == {ENCODER, STEP, "export.json", "src.model", "tgt.model"}
    facts = json.loads((target / "export.json").read_text(encoding="utf-8"))
    assert facts["ids"] == {"pad": 0, "unk": 1, "bos": 2, "eos": 3}
    assert facts["unicode_form"] == "nfc"
    assert facts["decode"]["beam_size"] == 3
    assert facts["states"]["layer1_c"] == {"next": "next_layer1_c", "start": "start_layer1_c"}
    assert facts["states"]["coverage"] == {"next": "next_coverage", "start": None}
    shapes = {name: entry["shape"] for name, entry in facts["decoder_step"]["inputs"].items()}
    assert shapes["tokens"] == ["rows"]
    assert shapes["coverage"] == ["rows", "source"]
    assert shapes["keys"] == ["batch", "source", 8]
    # A second time it takes the place of the first.
    assert main(["export", "--model", str(model), "--weights", "int8", str(target)]) == 0
    facts = json.loads((target / "export.json").read_text(encoding="utf-8"))
    assert facts["weights"] == "int8"
    assert {path.name for path in target.iterdir()} == names


@pytest.mark.parametrize("name", ["lstm", "gru", "normalised", "transformer", "mixing by lrn"])
def test_weights_of_8_bits_stay_near(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()
    for file in ("src.model", "tgt.model"):
        (folder / file).write_bytes(tiny_tokenizer(TEXTS))
    made = tiny_model(**MODELS[name])
    save_model(folder, made, weights_of(made))
    model = read_model_folder(folder)
    export_model(model, tmp_path / "float32")
    # Of a random model far from any that is trained; a mistake would be larger still.
    assert 1e-3 < export_model(model, tmp_path / "int8", "int8") < 1
    sizes = [(tmp_path / each / STEP).stat().st_size for each in ("int8", "float32")]
    assert sizes[0] < sizes[1]


def test_what_cannot_be_exported(
    folder_of: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read_model_folder(folder_of({}))
    target = tmp_path / "exported"
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"taken is there and holds no exported model"):
        export_model(model, taken)
    assert (taken / "thesis.txt").read_text() == "years of work"
    monkeypatch.setattr("attn2seq.export.folder.PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(UserError, match=r"needs no_such_package.*pip install 'attn2seq\[export\]'"):
        export_model(model, target)
    monkeypatch.undo()
    with monkeypatch.context() as patch:
        patch.setattr("torch.onnx.export", _fails)
        with pytest.raises(UserError, match="cannot write this model as ONNX: no such operator"):
            export_model(model, target)
    assert not list(tmp_path.glob("exported*"))


def _fails(*arguments: object, **options: object) -> None:
    raise RuntimeError("no such operator\nand a graph of many lines")


def test_an_ensemble_is_refused(
    complete_model: Callable[..., Path], further_model: Callable[..., Path], tmp_path: Path
) -> None:
    settings = decode_settings(ensemble=["other"])
    model = complete_model(tmp_path / "model", settings, other=further_model("other"))
    with pytest.raises(UserError, match=r"decodes with an ensemble \(other\).*members/other"):
        export_model(read_model_folder(model), tmp_path / "exported")


def test_a_vocabulary_that_sentencepiece_alone_would_cut_is_refused(
    folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    vocabulary = tiny_tokenizer(TEXTS, symbols=["<b>"])
    with pytest.raises(UserError, match="which sentencepiece alone may cut"):
        export_model(read_model_folder(folder_of({}, vocabulary)), tmp_path / "exported")
