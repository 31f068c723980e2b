"""Translate lines with a trained model: lines in, lines out, in order.

    python -m pipeline.translate "a dog runs" "two men sit"
    python -m pipeline.translate --nbest 3 --scores --file texts.txt
    python -m pipeline.translate < texts.txt > translations.txt

Columns are parted by tabs: with --nbest the number of the line (from 0), with --scores the score,
then the text. Settings are those of params.yaml, or else of decode.json beside the model; options
override them.
"""

import argparse
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from attn2seq.config import read_yaml, validate
from attn2seq.corpus.cleaning import normalise_text
from attn2seq.corpus.lines import decoded_lines
from attn2seq.decoding.attention_map import draw_attention
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translation, Translator
from attn2seq.errors import UserError

# Read before the first is written; a terminal is answered line by line.
LINES_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 1 << 20
# A line is cut after decode.max_source_length pieces, but all of it goes through the tokenizer.
MAX_LINE_BYTES = 4 << 20


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status: 0, 1 after a user's mistake, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale says
    try:
        translator = Translator(options.model, _settings(options), warn=_complain)
        number = 0
        for lines in _chunks(options):
            maps = len(lines) if options.attention else 0
            for translation in translator.translate(lines, maps):
                _print(number, translation, options)
                number += 1
            sys.stdout.flush()
    except UserError as error:
        _complain(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.translate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="*", help="lines to translate; without any, standard input")
    parser.add_argument("--file", type=Path, help="translate the lines of this file instead")
    parser.add_argument("--model", type=Path, default=Path("models/model"), help="model folder")
    parser.add_argument("--nbest", type=int, help="hypotheses for each line")
    parser.add_argument("--beam-size", type=int, help="1: greedy search")
    parser.add_argument("--scores", action="store_true", help="write each hypothesis' score")
    parser.add_argument("--attention", action="store_true", help="draw the best one's attention")
    return parser


def _settings(options: argparse.Namespace) -> DecodeSettings:
    """The settings of params.yaml or decode.json under the options' overrides."""
    values, source = _recorded_settings(options.model)
    values["nbest"] = 1 if options.nbest is None else options.nbest
    if options.beam_size is not None:
        values["beam_size"] = options.beam_size
    record = validate({"decode": DecodeSettings}, {"decode": values}, source)["decode"]
    assert isinstance(record, DecodeSettings)
    return record


def _recorded_settings(model: Path) -> tuple[dict[str, Any], str]:
    params, beside = Path("params.yaml"), model / "decode.json"
    if params.is_file():
        section = read_yaml(params).get("decode")
        if isinstance(section, dict):
            return dict(section), str(params)
    if beside.is_file():
        return read_yaml(beside), str(beside)  # JSON is YAML
    raise UserError(
        f"no decoding settings: neither a decode section in {params} here, nor {beside}"
    )


def _chunks(options: argparse.Namespace) -> Iterator[list[str]]:
    """The lines, as clean as those that the model was trained with, some at a time."""
    if options.text and options.file:
        raise UserError("give either texts or --file, not both")
    if options.text:
        yield from _grouped(_arguments(options.text), LINES_AT_ONCE)
    elif options.file:
        try:
            with options.file.open("rb") as file:
                yield from _grouped(_texts(file, str(options.file)), LINES_AT_ONCE)
        except OSError as error:
            raise UserError(f"{options.file} cannot be read: {error.strerror}") from None
    else:
        at_once = 1 if sys.stdin.isatty() else LINES_AT_ONCE
        yield from _grouped(_texts(sys.stdin.buffer, "standard input"), at_once)


def _arguments(texts: list[str]) -> Iterator[str]:
    for number, text in enumerate(texts, start=1):
        # Python hands on bytes that are not UTF-8 as halves of characters.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UserError(f"text {number} is not UTF-8: convert it first")
        yield normalise_text(text, "none")


def _texts(file: BinaryIO, source: str) -> Iterator[str]:
    """The lines of a file, UTF-8 whatever the locale says."""
    for _, line in decoded_lines(file, source, MAX_LINE_BYTES):
        yield normalise_text(line, "none")


def _grouped(texts: Iterator[str], most: int) -> Iterator[list[str]]:
    group: list[str] = []
    characters = 0
    for text in texts:
        group.append(text)
        characters += len(text)
        if len(group) >= most or characters >= CHARACTERS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _print(number: int, translation: Translation, options: argparse.Namespace) -> None:
    for hypothesis in translation.hypotheses:
        columns = [hypothesis.text]
        if options.scores:
            columns.insert(0, f"{hypothesis.score:.4f}")
        if options.nbest is not None:
            columns.insert(0, str(number))
        print("\t".join(columns))
    if options.attention:
        drawing = draw_attention(translation.src_pieces, translation.hypotheses[0])
        print(drawing or "(no attention)", end="\n\n")


def _complain(text: str) -> None:
    print(f"translate: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
