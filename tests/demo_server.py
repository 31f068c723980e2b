"""The demo for a model folder, served from a thread of the tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from table_model import decode_settings
from werkzeug.serving import make_server

from attn2seq.cli.chat import Partner
from attn2seq.cli.demo_answers import LiveModel, LivePartner
from attn2seq.cli.demo_app import QuietHandler, make_app
from attn2seq.decoding.translator import Translator
from attn2seq.packaging import Dialogue, Texts

SETTINGS = decode_settings(
    beam_size=4, nbest=3, min_length=2, max_length_offset=12, max_source_length=30
)
TEXTS = Texts(
    corpus="toy-en-de", task="translation", src_lang="en", tgt_lang="de", unicode_form="nfkc"
)
# A separator that the tiny vocabulary can write.
DIALOGUE = Dialogue(context_turns=3, separator="near")


def live_model(folder: Path, texts: Texts | None = TEXTS) -> LiveModel:
    return LiveModel(Translator(folder, SETTINGS, unicode_form="nfkc"), texts)


def live_partner(folder: Path) -> LivePartner:
    settings = decode_settings(search="sampling", min_length=2, max_length_offset=8)
    texts = TEXTS.model_copy(update={"task": "dialogue", "tgt_lang": "en", "dialogue": DIALOGUE})
    return LivePartner(Partner(Translator(folder, settings, unicode_form="nfkc"), DIALOGUE), texts)


@contextmanager
def served(
    live: LiveModel | LivePartner, name: str = "models/model", examples: tuple[str, ...] = ()
) -> Iterator[str]:
    """The address of the page."""
    app = make_app(live, name, list(examples))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
