"""What the demo answers: translations of what is typed, the next turn of a conversation, or what
is said in a recording.
"""

import base64
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sentencex

from attn2seq.cli.chat import Partner
from attn2seq.decoding.reading_notes import check_text
from attn2seq.decoding.transcriber import Transcriber
from attn2seq.decoding.translation import Hypothesis, Translation
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError
from attn2seq.model.description import described
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.packaging import Texts
from attn2seq.report.sentences import spectrogram
from attn2seq.report.templating import language_tag

MAX_SENTENCES = 50  # of a text: more are a file's, and those of the command line
NOTHING: Mapping[str, Any] = {}
REMEMBERED = 200  # sentences whose answers are kept: as one types, one of many changes


class LiveModel:
    """A model that answers one sentence at a time, whoever asks.

    `texts` is what the model's folder says of them; None: nothing.
    """

    page = "index.html"

    def __init__(self, translator: Translator, texts: Texts | None = None) -> None:
        self.translator, self.texts = translator, texts
        self._one_at_a_time = threading.Lock()
        self._known = lru_cache(maxsize=REMEMBERED)(self._translated)

    def answer(self, text: str, prefix: str) -> list[list[dict[str, Any]]]:
        """The sentences of each line with their hypotheses, best first; a blank line has none.

        The hypotheses of the first sentence begin with the prefix. Raises UserError for one that
        cannot be written, and for a text that is too long.
        """
        check_text(text, "the text")
        lines = [self._sentences(line) for line in text.strip().split("\n")]
        count = sum(map(len, lines))
        if count > MAX_SENTENCES:
            raise UserError(
                f"the text has {count:,} sentences, and a page shows {MAX_SENTENCES} at most: "
                "`attn2seq translate --file` translates files"
            )
        places = [(line, place) for line, found in enumerate(lines) for place in range(len(found))]
        return [
            [
                self._known(sentence, prefix if (line, place) == places[0] else "")
                for place, sentence in enumerate(sentences)
            ]
            for line, sentences in enumerate(lines)
        ]

    def _sentences(self, line: str) -> list[str]:
        """Only translations are made of sentences one by one: a summary is one of all of them."""
        line = line.strip()
        if not line or self.texts is None or self.texts.task != "translation":
            return [line] if line else []
        language = language_tag(self.texts.src_lang)
        return [each.strip() for each in sentencex.segment(language, line) if each.strip()]

    def _translated(self, sentence: str, prefix: str) -> dict[str, Any]:
        with self._one_at_a_time:
            [translation] = self.translator.translate(
                [sentence], attention_maps=1, prefix=prefix or None
            )
        return {"source": sentence, **_shown(translation)}


class LivePartner:
    """A model that answers conversations, one at a time; they are kept by those who hold them."""

    page = "conversation.html"

    def __init__(self, partner: Partner, texts: Texts) -> None:
        self.partner, self.translator, self.texts = partner, partner.translator, texts
        self._one_at_a_time = threading.Lock()

    def answer(self, turns: Sequence[str], draw: int) -> dict[str, Any]:
        """The next turn. Another `draw`, a number from 1, gives another one. Raises UserError."""
        with self._one_at_a_time:
            reply = self.partner.reply(turns, attention_maps=1, sampling_seed=draw)
        return _shown(reply)


class LiveListener:
    """A model that writes down recordings, one at a time."""

    page = "transcribe.html"

    def __init__(self, transcriber: Transcriber, texts: Texts | None = None) -> None:
        self.translator, self.texts = transcriber, texts
        self._one_at_a_time = threading.Lock()

    def answer(self, recording: bytes) -> dict[str, Any]:
        """What is said, and where the model heard it, for the bytes of an audio file.

        A path is never taken: it would be that of a file here. Raises UserError for a recording
        that cannot be used.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder, "recording")
            path.write_bytes(recording)
            try:
                with self._one_at_a_time:
                    [translation] = self.translator.translate([str(path)], attention_maps=1)
                    frames = self.translator.frames_of(path)
            except UserError as error:
                raise UserError(str(error).replace(str(path), "The recording")) from None
        return _shown(translation, spectrogram(frames))


Live = LiveModel | LivePartner | LiveListener


def told(translator: Translator) -> str:
    """What kind of model it is, and how it is searched."""
    model = translator.model
    assert isinstance(model, Seq2Seq)
    size = sum(parameter.numel() for parameter in model.parameters())
    settings = translator.settings
    search = f"beam size {settings.beam_size}" if settings.search == "beam" else "sampling"
    kind = described(model.settings.model_dump())
    return f"{kind}, {size:,} parameters, {search}, on {translator.device.type.upper()}"


def _shown(translation: Translation, more: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
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
            if hypothesis.pieces  # a blank text has one that is empty
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
