"""The demo's pages and answers, as a Flask application.

What it guards against: a web page elsewhere must neither read from the demo nor make it work. So
only local names are answered to (another name could be pointed at this machine, "DNS rebinding"),
a request must say that it is JSON (which a foreign page may not send unasked), and a content
security policy lets the page load nothing but its own files. Texts reach the page as JSON and are
put into it as text, never as HTML.
"""

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.serving import WSGIRequestHandler

from attn2seq.decoding.reading_notes import MAX_CHARACTERS
from attn2seq.decoding.transcriber import Transcriber
from attn2seq.decoding.translation import Hypothesis, Translation
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.report.sentences import spectrogram
from attn2seq.report.templating import TEMPLATES

PAGE = Path(__file__).parent / "demo_page"
# The attention map, and how things look, are the report's own.
FILES = {
    "page.css": (TEMPLATES, "text/css"),
    "attention.js": (TEMPLATES, "text/javascript"),
    "recording.js": (TEMPLATES, "text/javascript"),
    "demo.css": (PAGE, "text/css"),
    "demo.js": (PAGE, "text/javascript"),
    "demo_recording.js": (PAGE, "text/javascript"),
}
MAX_BODY_BYTES = 12 * MAX_CHARACTERS  # a text at its longest, each character a pair of escapes
NOTHING: Mapping[str, Any] = {}
LOCAL_NAMES = ["127.0.0.1", "localhost"]
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
IN_WORDS = {
    400: f"The request is not one of this page, or its address is not http://{LOCAL_NAMES[0]}.",
    403: "The request comes from another site.",
    404: "There is no such page.",
    405: "This address does not accept such requests.",
    413: f"The text is too long: a text has {MAX_CHARACTERS:,} characters at most.",
    415: "The request must be JSON.",
}


@dataclass
class LiveModel:
    """A model that answers one sentence at a time, whoever asks."""

    translator: Translator
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, text: str, prefix: str) -> dict[str, Any]:
        """The hypotheses for a sentence, best first, each with its attention map.

        They begin with the prefix. Raises UserError for one that cannot be written.
        """
        with self._one_at_a_time:
            [translation] = self.translator.translate(
                [text], attention_maps=1, prefix=prefix or None
            )
        return _answer(translation)

    def hear(self, recording: bytes) -> dict[str, Any]:
        """The same for the bytes of a recording. Raises UserError where it cannot be used."""
        translator = self.translator
        assert isinstance(translator, Transcriber)
        with TemporaryDirectory() as folder:
            path = Path(folder, "recording")
            path.write_bytes(recording)
            try:
                with self._one_at_a_time:
                    [translation] = translator.translate([str(path)], attention_maps=1)
                    frames = translator.frames_of(path)
            except UserError as error:
                raise UserError(str(error).replace(str(path), "The recording")) from None
        return _answer(translation, spectrogram(frames))

    def told(self) -> str:
        """What kind of model it is."""
        model = self.translator.model
        assert isinstance(model, Seq2Seq)
        size = sum(parameter.numel() for parameter in model.parameters())
        attention = model.settings.attention
        looks = "without attention" if attention == "none" else f"with {attention} attention"
        settings = self.translator.settings
        return (
            f"{model.settings.cell.upper()} {looks}, {size:,} parameters, "
            f"beam size {settings.beam_size}, on {self.translator.device.type.upper()}"
        )


def make_app(live: LiveModel, name: str, examples: list[str]) -> Flask:
    """The application for a model of that name; `examples` are sentences to begin with."""
    app = Flask(__name__, template_folder=str(PAGE), static_folder=None)
    app.config.update(TRUSTED_HOSTS=LOCAL_NAMES, MAX_CONTENT_LENGTH=MAX_BODY_BYTES)

    @app.before_request
    def refuse_other_sites() -> None:
        # Browsers say where a request comes from; other programs do not, and may ask.
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Forbidden

    translator = live.translator

    @app.get("/")
    def page() -> str:
        if isinstance(translator, Transcriber):
            rate = translator.sample_rate
            return render_template("recording.html", name=name, told=live.told(), sample_rate=rate)
        return render_template("index.html", name=name, told=live.told(), examples=examples)

    @app.get("/<name>")
    def file(name: str) -> Response:
        if name not in FILES:
            raise NotFound
        folder, kind = FILES[name]
        return Response((folder / name).read_bytes(), content_type=f"{kind}; charset=utf-8")

    @app.post("/translate")
    def translate() -> Response:
        if isinstance(translator, Transcriber):  # a text would be the path of a file here
            raise NotFound
        values = request.get_json()
        return jsonify(live.answer(_asked(values, "text"), _asked(values, "prefix")))

    @app.post("/transcribe")
    def transcribe() -> Response:
        if not isinstance(translator, Transcriber):
            raise NotFound
        try:
            recording = base64.b64decode(_asked(request.get_json(), "recording"), validate=True)
        except ValueError:
            raise BadRequest from None
        return jsonify(live.hear(recording))

    @app.errorhandler(HTTPException)
    def say_in_words(error: HTTPException) -> tuple[Response, int]:
        code = error.code or 500
        return jsonify(error=IN_WORDS.get(code, error.name)), code

    @app.errorhandler(UserError)
    def say_mistake(error: UserError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return app


class QuietHandler(WSGIRequestHandler):
    """Writes no line for each request, and tells no versions."""

    server_version, sys_version = "attn2seq", ""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Faults are still told."""


def _asked(values: Any, key: str) -> str:
    """A text of the request. Raises BadRequest where it is none of this page's."""
    text = values.get(key) if isinstance(values, dict) else None
    if not isinstance(text, str):
        raise BadRequest
    return text


def _answer(translation: Translation, more: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """As the page reads it; each attention map holds `more` too."""
    return {
        "notes": translation.notes,
        "hypotheses": [
            {
                "text": hypothesis.text,
                "score": round(hypothesis.score, 2),
                "attention": _attention(translation.src_pieces, hypothesis, more),
            }
            for hypothesis in translation.hypotheses
            if hypothesis.pieces  # a blank line has one that is empty
        ],
    }


def _attention(
    src_pieces: tuple[str, ...], hypothesis: Hypothesis, more: Mapping[str, Any]
) -> dict[str, Any] | None:
    """A map as attention.js reads it: weights are bytes, 255 for 1, row by row, in base64."""
    weights_TS = hypothesis.attn_weights_TS
    if weights_TS is None:
        return None
    levels = np.rint(np.clip(weights_TS, 0, 1) * 255).astype(np.uint8)
    return {
        "src": src_pieces,
        "tgt": hypothesis.pieces,
        "weights": base64.b64encode(levels.tobytes()).decode("ascii"),
        **more,
    }
