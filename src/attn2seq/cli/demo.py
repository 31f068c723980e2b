"""A web page on this machine alone: type a text and see its translation and how it came about,
talk with a model of dialogues, or have a recording written down.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attn2seq.api import find_model
from attn2seq.cli.local_server import HOST, listen
from attn2seq.cli.replies import REPLIES
from attn2seq.cli.workspace import choose_model
from attn2seq.workspace.paths import MODEL, PREPARED

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

    from attn2seq.cli.demo_answers import Live

DEV = PREPARED / "dev.parquet"
EXAMPLES, EXAMPLE_CHARACTERS = 4, 70
SHOWN = 5


def serve_demo(model: str | None, port: int, beam_size: int | None, nbest: int | None) -> None:
    """Serve until Ctrl-C, which is how it is ended. Raises UserError."""
    with (
        suppress(KeyboardInterrupt),
        serving(choose_model(model), port, beam_size, nbest) as (server, address),
    ):
        print(f"demo: {address}  (Ctrl-C stops it)", flush=True)
        server.serve_forever()


@contextmanager
def serving(
    model: str, port: int, beam_size: int | None, nbest: int | None
) -> "Iterator[tuple[BaseWSGIServer, str]]":
    """A server that listens, and its address; port 0 is a free one. Raises UserError."""
    with listen(port, "demo") as listening:  # before the seconds that loading takes
        from werkzeug.serving import make_server

        from attn2seq.cli.demo_app import QuietHandler, make_app
        from attn2seq.model.device import tune_cpu

        live = _live(model, beam_size, nbest)
        tune_cpu()  # this process does nothing else
        examples = [] if live.page == "transcribe.html" else _examples(model)
        app = make_app(live, model, examples)
        port = listening.getsockname()[1]
        server = make_server(
            HOST, port, app, threaded=True, request_handler=QuietHandler, fd=listening.fileno()
        )
        yield server, f"http://{HOST}:{port}"


def _live(model: str, beam_size: int | None, nbest: int | None) -> "Live":
    from attn2seq.cli.chat import Partner
    from attn2seq.cli.demo_answers import LiveListener, LiveModel, LivePartner
    from attn2seq.decoding.transcriber import Transcriber

    def tell(text: str) -> None:
        """Nothing: what is to be said of a text is in its translation."""

    with tempfile.TemporaryDirectory() as scratch:
        folder = find_model(model, Path(scratch))
        if folder.texts is not None and folder.texts.dialogue is not None:
            translator = folder.translator(tell, nbest=1, **REPLIES)
            return LivePartner(Partner(translator, folder.texts.dialogue), folder.texts)
        translator = folder.translator(tell, beam_size=beam_size, nbest=nbest)
    if nbest is None:
        translator.settings = translator.settings.model_copy(update={"nbest": SHOWN})
    if isinstance(translator, Transcriber):
        return LiveListener(translator, folder.texts)
    return LiveModel(translator, folder.texts)


def _examples(model: str) -> list[str]:
    """Texts to begin with, from the dev set of the workspace's own model."""
    if model != str(MODEL) or not DEV.is_file():
        return []
    import pandas as pd

    sources = [
        text
        for text in pd.read_parquet(DEV, columns=["src"])["src"]
        if 20 <= len(text) <= EXAMPLE_CHARACTERS
    ]
    return sources[:: max(1, len(sources) // EXAMPLES)][:EXAMPLES]
