"""Dialogues of several turns, one a line: each turn but the first answers those before it.

"Hi . __eou__ Hello ! __eou__ Coffee ? __eou__" with two turns of context and the separator <turn>:
                            Row(1, "Hi .", ["Hello !"])
                            Row(1, "Hi . <turn> Hello !", ["Coffee ?"])
"""

import re
from collections.abc import Iterator
from pathlib import Path

from attn2seq.catalogue.entry import Dialogues
from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.reading.lines import read_lines
from attn2seq.reading.row import Row

_NO_LETTERS = re.compile(r"\W+")


def read_dialogues(raw: Path, name: str, form: Dialogues) -> Iterator[Row]:
    """The pairs of each dialogue; all of one have its line. Raises UserError."""
    for number, turns in _dialogues(raw, name, form):
        for place in range(1, len(turns)):
            context = turns[max(0, place - form.context_turns) : place]
            yield Row(number, f" {form.separator} ".join(context), [turns[place]])


def repeated_dialogues(raw: Path, name: str, others: list[str], form: Dialogues) -> set[int]:
    """The lines of a file whose dialogue also stands, whole, in one of the other files.

    They are compared by their letters and digits alone: corpora are tokenised unevenly.
    """
    known = {_key(turns) for other in others for _, turns in _dialogues(raw, other, form)}
    return {number for number, turns in _dialogues(raw, name, form) if _key(turns) in known}


def _key(turns: list[str]) -> str:
    return "".join(_NO_LETTERS.sub("", turn).casefold() for turn in turns)


def _dialogues(raw: Path, name: str, form: Dialogues) -> Iterator[tuple[int, list[str]]]:
    label = f"{raw / plain(name)}"
    for number, line in read_lines(raw, name):
        if not line.strip():
            continue
        *turns, rest = (turn.strip() for turn in line.split(form.end_of_turn))
        if rest:
            raise UserError(
                f"{label}, line {number}: the last turn does not end with {form.end_of_turn}: the "
                "line is cut short, or dialogues.end_of_turn is another"
            )
        for place, turn in enumerate(turns, start=1):
            if not turn:
                raise UserError(f"{label}, line {number}: turn {place} has no text")
        yield number, turns
