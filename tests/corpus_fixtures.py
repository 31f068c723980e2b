"""Small corpora, written as a user would write them."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from smallest_entry import ENTRY

from attn2seq.preparing.settings import PrepareSettings


@pytest.fixture
def entry() -> Callable[..., dict[str, Any]]:
    """The values of an entry; a key given as None is left out."""

    def make(**changes: Any) -> dict[str, Any]:
        return {key: value for key, value in (ENTRY | changes).items() if value is not None}

    return make


@pytest.fixture
def write_entry(tmp_path: Path, entry: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """Writes an entry to a catalogue, or as data/raw/corpus.yaml; returns the folder."""

    def write(folder: str = "catalogue", file: str = "mine.yaml", **changes: Any) -> Path:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        with (place / file).open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump(entry(**changes), stream)
        return place

    return write


@pytest.fixture
def raw_corpus(tmp_path: Path, write_entry: Callable[..., Path]) -> Callable[..., Path]:
    """Writes data/raw as download would: files by name (text or bytes), and the entry."""

    def write(contents: dict[str, str | bytes], **changes: Any) -> Path:
        raw = write_entry("raw", "corpus.yaml", **changes)
        for name, content in contents.items():
            (raw / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return raw

    return write


@pytest.fixture
def prepare_settings() -> Callable[..., PrepareSettings]:
    """Settings that drop nothing but pairs without text; any field can be given."""

    def make(**changes: Any) -> PrepareSettings:
        values = {
            "unicode_form": "nfc", "max_words": 0, "max_characters": 0, "max_length_ratio": 0.0,
            "length_ratio_unit": "word", "max_similarity": 1.0, "src_script": "", "tgt_script": "",
            "min_character_score": 0.0, "min_language_id_score": 0.0,
            "drop_duplicate_targets": False,
            "drop_duplicates": False, "drop_leaked_sources": False, "dev_share": 0.0,
            "limit_train_pairs": 0, "seed": 1,
        }  # fmt: skip
        return PrepareSettings.model_validate(values | changes)

    return make


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address, and the folder that it serves."""
    folder = tmp_path / "served"
    (folder / "mine").mkdir(parents=True)
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
