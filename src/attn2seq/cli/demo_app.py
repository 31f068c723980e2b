"""The demo's pages and answers, as a Flask application.

What it guards against: a web page elsewhere must neither read from the demo nor make it work. So
only local names are answered to (another name could be pointed at this machine, "DNS rebinding"),
a request must say that it is JSON (which a foreign page may not send unasked), and a content
security policy lets the page load nothing but its own files. Texts reach the page as JSON and are
put into it as text, never as HTML.
"""

import base64
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.serving import WSGIRequestHandler

from attn2seq.cli.demo_answers import Live, LiveModel, LivePartner, told
from attn2seq.decoding.reading_notes import MAX_CHARACTERS
from attn2seq.errors import UserError
from attn2seq.report.templating import TEMPLATES, language_tag

PAGE = Path(__file__).parent / "demo_page"
# The attention map, and how things look, are the report's own.
FILES = {
    "page.css": (TEMPLATES, "text/css"),
    "attention.js": (TEMPLATES, "text/javascript"),
    "demo.css": (PAGE, "text/css"),
    "demo.js": (PAGE, "text/javascript"),
    "translate.js": (PAGE, "text/javascript"),
    "conversation.js": (PAGE, "text/javascript"),
    "recording.js": (TEMPLATES, "text/javascript"),
    "transcribe.js": (PAGE, "text/javascript"),
}
MAX_BODY_BYTES = 12 * MAX_CHARACTERS  # a text at its longest, each character a pair of escapes
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


def make_app(live: Live, name: str, examples: list[str]) -> Flask:
    """The application for a model of that name; `examples` are sentences to begin with."""
    app = Flask(__name__, template_folder=str(PAGE), static_folder=None)
    app.config.update(TRUSTED_HOSTS=LOCAL_NAMES, MAX_CONTENT_LENGTH=MAX_BODY_BYTES)

    @app.before_request
    def refuse_other_sites() -> None:
        # Browsers say where a request comes from; other programs do not, and may ask.
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Forbidden

    @app.get("/")
    def page() -> str:
        texts = live.texts
        return render_template(
            live.page,
            name=name,
            told=told(live.translator),
            examples=examples,
            live=live,
            texts=texts,
            translates=texts is None or texts.task == "translation",
            src_tag=language_tag(texts.src_lang) if texts else "",
            tgt_tag=language_tag(texts.tgt_lang) if texts else "",
        )

    @app.get("/<name>")
    def file(name: str) -> Response:
        if name not in FILES:
            raise NotFound
        folder, kind = FILES[name]
        return Response((folder / name).read_bytes(), content_type=f"{kind}; charset=utf-8")

    @app.post("/answer")
    def answer() -> Response:
        values = request.get_json()
        if not isinstance(values, dict):
            raise BadRequest
        if isinstance(live, LiveModel):
            return jsonify(lines=live.answer(_asked(values, "text"), _asked(values, "prefix")))
        if isinstance(live, LivePartner):
            return jsonify(live.answer(*_conversation(values)))
        return jsonify(live.answer(_recording(values)))

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


def _asked(values: dict[str, Any], key: str) -> str:
    """A text of the request. Raises BadRequest where it is none of this page's."""
    text = values.get(key)
    if not isinstance(text, str):
        raise BadRequest
    return text


def _recording(values: dict[str, Any]) -> bytes:
    """The bytes of a recording. Raises BadRequest."""
    try:
        return base64.b64decode(_asked(values, "recording"), validate=True)
    except ValueError:
        raise BadRequest from None


def _conversation(values: dict[str, Any]) -> tuple[list[str], int]:
    """Its turns, the last one to be answered, and which draw is wanted."""
    turns, draw = values.get("turns"), values.get("draw")
    if not isinstance(turns, list) or not turns or type(draw) is not int:
        raise BadRequest
    if not all(isinstance(turn, str) and turn.strip() for turn in turns):
        raise BadRequest
    return turns, draw
