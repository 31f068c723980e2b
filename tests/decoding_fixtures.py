"""Model folders like the one that training leaves, with random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_model import TEXTS, tiny_model
from tiny_tokenizer import tiny_tokenizer

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.packaging import Texts, write_model_folder
from attn2seq.preparing.settings import UnicodeForm


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    vocabulary = tiny_tokenizer(TEXTS)
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(vocabulary)
    model = tiny_model()
    save_model(folder, model, weights_of(model))
    return folder


@pytest.fixture
def further_model(model_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with other weights, and a vocabulary of its own on the sides that say so."""

    def make(name: str, seed: int = 1, own_src: bool = False, own_tgt: bool = False) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        model = tiny_model()
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        save_model(folder, model, weights_of(model))
        for file, own in (("src.model", own_src), ("tgt.model", own_tgt)):
            shared = (model_folder / file).read_bytes()
            (folder / file).write_bytes(tiny_tokenizer(TEXTS, "bpe") if own else shared)
        return folder

    return make


Complete = Callable[..., Path]


@pytest.fixture(scope="session")
def complete_model(model_folder: Path) -> Complete:
    """Makes a folder that is complete by itself, as the stage `package` does."""

    def make(
        folder: Path,
        decode: DecodeSettings,
        unicode_form: UnicodeForm = "nfc",
        trained: Path = model_folder,
        **members: Path,
    ) -> Path:
        texts = Texts(
            corpus="toy-en-de", task="translation", src_lang="en", tgt_lang="de",
            unicode_form=unicode_form,
        )  # fmt: skip
        write_model_folder(folder, trained, members, texts, decode, "# toy-en-de\n")
        return folder

    return make
