"""A hub on this machine, which the hub's own library talks to, and a model with its card."""

from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import TOKEN, Hub, served
from table_model import decode_settings

from attn2seq.card_metadata import card_metadata
from attn2seq.model_card import ANYWHERE, LOAD
from attn2seq.packaging import CARD

FACTS = {
    "name": "toy-en-de", "title": "Toys", "task": "translation", "src_lang": "en", "tgt_lang": "de",
    "licence": "CC BY-NC-SA 4.0",
}  # fmt: skip
METRICS = {split: {"bleu": 12.345, "perplexity": 3.0} for split in ("dev", "test")}
SIGNATURES = {split: {"bleu": {"signature": "nrefs:1|case:mixed", "low": 1, "high": 20}}
              for split in METRICS}  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    constants = huggingface_hub.constants
    with served() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_URL_HOSTS", {"127.0.0.1"})
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its storage speaks no HTTP
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def model(
    tmp_path: Path, complete_model: Callable[..., Path], further_model: Callable[..., Path]
) -> Path:
    """A complete folder, an ensemble, whose card has metadata, among files that are none of it."""
    settings = decode_settings(
        beam_size=4, nbest=2, min_length=1, max_length_offset=10, ensemble=["other"]
    )
    folder = complete_model(tmp_path / "model", settings, other=further_model("further"))
    example = LOAD.format(ANYWHERE, "a text")
    card = f"{card_metadata(FACTS, METRICS, SIGNATURES)}\n# toy-en-de\n\n{example}\n"
    (folder / CARD).write_text(card, encoding="utf-8")
    (folder / "notes.txt").write_text("mine")
    return folder
