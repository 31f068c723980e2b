"""A conversation in the terminal: turns in, replies out."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from attn2seq.api import find_model
from attn2seq.cli.replies import REPLIES
from attn2seq.cli.translate import lines_of, utf8_out
from attn2seq.cli.workspace import choose_model
from attn2seq.decoding.settings import SearchOptions
from attn2seq.decoding.translation import Translation
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError
from attn2seq.packaging import Dialogue

BEGINNING = "An empty line begins a new conversation, Ctrl-D ends it."


@dataclass(frozen=True)
class Partner:
    """A model that replies to a conversation."""

    translator: Translator
    dialogue: Dialogue

    def reply(
        self, turns: Sequence[str], attention_maps: int = 0, **options: Unpack[SearchOptions]
    ) -> Translation:
        """The model's next turn, after the last of these, of which there is at least one.

        It reads as many as it was trained with; of those that are too long together, the earliest
        are left out. Raises UserError.
        """
        context = turns[-self.dialogue.context_turns :]
        while (
            len(context) > 1 and self._pieces(context) > self.translator.settings.max_source_length
        ):
            context = context[1:]
        [translation] = self.translator.translate(
            [self._source(context)], attention_maps=attention_maps, **options
        )
        return translation

    def _source(self, turns: Sequence[str]) -> str:
        return f" {self.dialogue.separator} ".join(turns)

    def _pieces(self, turns: Sequence[str]) -> int:
        return len(self.translator.src_tokenizer.encode([self._source(turns)])[0])


def hold_chat(model: str | None, **options: Unpack[SearchOptions]) -> None:
    """Answer the lines of standard input until it ends. Raises UserError."""
    utf8_out()
    with tempfile.TemporaryDirectory() as scratch:
        folder = find_model(choose_model(model), Path(scratch))
        if folder.texts is None or folder.texts.dialogue is None:
            raise UserError(
                f"{folder.path} was not trained on dialogues: its config.json names no turns. "
                "`attn2seq recipe dailydialog` writes the settings of a model that is"
            )
        translator = folder.translator(_warn, nbest=1, **REPLIES | options)
        partner = Partner(translator, folder.texts.dialogue)
    turns: list[str] = []
    typed = sys.stdin.isatty()
    if typed:
        print(BEGINNING)
    with lines_of(None) as lines:
        for line in _turns(lines, typed):
            if line.strip():
                turns.append(line.strip())
                turns.append(partner.reply(turns).text)
                print(("model> " if typed else "") + turns[-1], flush=True)
            else:
                turns.clear()
                print("(a new conversation)" if typed else "", flush=True)


def _turns(lines: Iterator[str], typed: bool) -> Iterator[str]:
    """The lines, each asked for by a prompt where they are typed."""
    while True:
        if typed:
            print("you> ", end="", flush=True)
        try:
            yield next(lines)
        except StopIteration:
            if typed:
                print()
            return


def _warn(text: str) -> None:
    print(f"attn2seq chat: {text}", file=sys.stderr)
