"""Lines translated with a trained model: lines in, lines out, in order."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from attn2seq import api
from attn2seq.cli.workspace import as_given, choose_model
from attn2seq.decoding.reading_notes import MAX_CHARACTERS, check_text
from attn2seq.errors import UserError
from attn2seq.reading.lines import decoded_lines

if TYPE_CHECKING:
    from attn2seq.decoding.translation import Translation
    from attn2seq.decoding.translator import Translator

# Read before the first is written; a terminal is answered line by line.
LINES_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 1 << 20


def translate_lines(
    texts: Sequence[str],
    file: Path | None,
    model: str | None,
    nbest: int | None,
    beam_size: int | None,
    prefix: str | None,
    scores: bool,
    attention: bool,
) -> None:
    """Translate the texts, the file's lines, or standard input. Raises UserError."""
    if texts and file:
        raise UserError("give either texts or --file, not both")
    here = Path.cwd()
    most = 1 if nbest is None else nbest
    translator = load(model, "translate", nbest=most, beam_size=beam_size)
    if file is not None:
        file = as_given(file, here)
    number = 0
    for lines in _chunks(texts, file):
        maps = len(lines) if attention else 0
        for translation in translator.translate(lines, attention_maps=maps, prefix=prefix):
            _print(None if nbest is None else number, translation, scores, attention)
            number += 1
        sys.stdout.flush()


def load(
    model: str | None, verb: str, nbest: int | None = None, beam_size: int | None = None
) -> "Translator":
    """The model that the user means; stdout is UTF-8 from here on. Raises UserError."""
    utf8_out()

    def warn(text: str) -> None:
        print(f"attn2seq {verb}: {text}", file=sys.stderr)

    translator = api.load(choose_model(model), nbest=nbest, beam_size=beam_size, warn=warn)
    from attn2seq.model.device import tune_cpu

    tune_cpu()  # this process does nothing else
    return translator


def utf8_out() -> None:
    """Write UTF-8, whatever the locale says."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


@contextmanager
def lines_of(file: Path | None) -> Iterator[Iterator[str]]:
    """The lines of a file, or of standard input, UTF-8 whatever the locale says.

    Raises UserError.
    """
    if file is None:
        yield _decoded(sys.stdin.buffer, "standard input")
        return
    try:
        opened = file.open("rb")
        with opened:
            yield _decoded(opened, str(file))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def grouped(lines: Iterator[str], typed: bool) -> Iterator[list[str]]:
    """Lines that are worked on together; one by one where they may be `typed` at a terminal."""
    most = 1 if typed and sys.stdin.isatty() else LINES_AT_ONCE
    group: list[str] = []
    characters = 0
    for line in lines:
        group.append(line)
        characters += len(line)
        if len(group) >= most or characters >= CHARACTERS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _chunks(texts: Sequence[str], file: Path | None) -> Iterator[list[str]]:
    for number, text in enumerate(texts, start=1):
        check_text(text, f"text {number}")
    if texts:
        yield from grouped(iter(texts), typed=False)
    else:
        with lines_of(file) as lines:
            yield from grouped(lines, typed=file is None)


def _decoded(file: BinaryIO, label: str) -> Iterator[str]:
    return (line for _, line in decoded_lines(file, label, MAX_CHARACTERS))


def _print(number: int | None, translation: "Translation", scores: bool, attention: bool) -> None:
    for hypothesis in translation.hypotheses:
        columns = [hypothesis.text]
        if scores:
            columns.insert(0, f"{hypothesis.score:.4f}")
        if number is not None:
            columns.insert(0, str(number))
        print("\t".join(columns))
    if attention:
        from attn2seq.decoding.attention_map import draw_attention

        drawing = draw_attention(translation.src_pieces, translation.hypotheses[0])
        print(drawing or "(no attention)", end="\n\n")
