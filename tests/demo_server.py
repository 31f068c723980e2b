"""The demo for a model folder, served from a thread of the tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from table_model import decode_settings
from werkzeug.serving import make_server

from attn2seq.cli.demo_app import LiveModel, QuietHandler, make_app
from attn2seq.decoding.translator import Translator


def live_model(folder: Path) -> LiveModel:
    settings = decode_settings(
        beam_size=4, nbest=3, min_length=2, max_length_offset=12, max_source_length=30
    )
    return LiveModel(Translator(folder, settings, unicode_form="nfkc"))


@contextmanager
def served(
    folder: Path, name: str = "models/model", examples: tuple[str, ...] = ()
) -> Iterator[str]:
    """The address of the page."""
    app = make_app(live_model(folder), name, list(examples))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
