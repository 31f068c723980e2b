"""examples/onnx_translate.py: the library's texts, from a process without torch and attn2seq."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from table_model import decode_settings
from tiny_model import TEXTS, TRANSFORMER, tiny_model
from tiny_tokenizer import tiny_tokenizer

from attn2seq.api import load
from attn2seq.export.folder import export_model
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model_folder import read_model_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_translate.py"
HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "attn2seq", "onnx", "transformers"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
"""
# Not in the form of the training texts, with what nobody sees, and with an unknown character.
LINES = [*TEXTS, "  A do\u0308g\u200b  runs \t", "\u4e00 cat", "a cat " * 12]


@pytest.mark.parametrize(
    ("changes", "decode"),
    [
        ({"coverage": True, "copying": True}, {"length_normalisation": "wu", "nbest": 3}),
        ({"cell": "lrn", "bridge": "zero"}, {"length_normalisation": "average"}),
        (TRANSFORMER, {"length_normalisation": "none", "max_length_factor": 1.3}),
        ({"attention": "none", "input_feeding": False}, {"max_source_length": 9}),
    ],
    ids=["pointer-generator", "lrn", "transformer", "no attention"],
)
def test_the_texts_are_those_of_the_library(
    changes: dict[str, Any], decode: dict[str, Any], tmp_path: Path,
    complete_model: Callable[..., Path],
) -> None:  # fmt: skip
    trained = tmp_path / "trained"
    trained.mkdir()
    for name in ("src.model", "tgt.model"):
        (trained / name).write_bytes(tiny_tokenizer(TEXTS))
    model = tiny_model(**changes)
    save_model(trained, model, weights_of(model))
    settings = decode_settings(**{"min_length": 2, "max_length_offset": 8, **decode})
    folder = complete_model(tmp_path / "model", settings, "nfc_lower", trained)
    export_model(read_model_folder(folder), tmp_path / "exported")
    # Seen before any path is searched.
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)
    translator = load(folder, warn=lambda text: None)
    found = []
    for beam_size in (1, settings.beam_size, 7):
        wanted = [one.text for one in translator.translate(LINES, beam_size=beam_size, nbest=1)]
        printed = subprocess.run(
            [sys.executable, EXAMPLE, tmp_path / "exported", "--beam-size", str(beam_size)],
            input="".join(f"{line}\n" for line in LINES),
            env=os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
            capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert printed.stdout.split("\n")[:-1] == wanted
        found.append(wanted)
    assert found[0] != found[1]


def test_what_the_example_lacks_it_says(
    complete_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = complete_model(tmp_path / "model", decode_settings(coverage_penalty=0.2))
    export_model(read_model_folder(folder), tmp_path / "exported")
    ended = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path / "exported"], input="", capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "decode.coverage_penalty is 0.2" in ended.stderr
