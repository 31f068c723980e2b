"""A model folder like the one that training leaves, with random weights."""

import io
from pathlib import Path

import pytest
import sentencepiece
from tiny_model import TEXTS, VOCABULARY, tiny_model

from attn2seq.model.checkpoint import save_model, weights_of


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=written,
        vocab_size=VOCABULARY,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(written.getvalue())
    model = tiny_model()
    save_model(folder, model, weights_of(model))
    return folder
