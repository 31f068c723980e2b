"""What of a text a model cannot read as it stands, in the words that every way in shows.

notes_of(["a\\ncat"], [[5, 9]], {}, limit=50)
{0: ("2 lines are read as one: give each as a text of its own",)}
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from attn2seq.config import some
from attn2seq.errors import UserError
from attn2seq.tokenization.tokenizer import UNK_ID, Tokenizer

MAX_CHARACTERS = 4 << 20
"""Of one text. What a model reads of it is far less (max_source_length), but all of it is cut into
pieces."""
# What UTF-8 cannot write, and no file can hold.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
# The notes of each text that has any, by its place.
Notes = dict[int, tuple[str, ...]]
# Told of one call; a file may hold a million such texts.
_MOST_TOLD = 10


def check_text(text: str, name: str) -> None:
    """Raises UserError where the text, which messages call by that name, cannot be read at all."""
    if len(text) > MAX_CHARACTERS:
        raise UserError(
            f"{name} has {len(text):,} characters, and a text has {MAX_CHARACTERS:,} at most: "
            "give it sentence by sentence"
        )
    if _HALF_A_CHARACTER.search(text):
        raise UserError(
            f"{name} is no text: it holds half of a surrogate pair, as bytes do that are not UTF-8"
        )


def notes_of(
    texts: Sequence[str],
    sources: Sequence[Sequence[int]],
    unknown: Mapping[int, Sequence[str]],
    limit: int,
) -> Notes:
    """The notes of the texts as they were given; `sources` are their ids before any is cut,
    `unknown` is what `unknown_units` gives.
    """
    notes: dict[int, tuple[str, ...]] = {}
    for place, (text, ids) in enumerate(zip(texts, sources, strict=True)):
        said = []
        if "\n" in text or "\r" in text:
            lines = sum(bool(line.strip()) for line in text.replace("\r", "\n").split("\n"))
            if lines > 1:
                said.append(f"{lines:,} lines are read as one: give each as a text of its own")
        if place in unknown:
            lacking = some(unknown[place])
            said.append(f"not in the model's vocabulary, so read as unknown: {lacking}")
        if len(ids) > limit:
            said.append(
                f"cut to the first {limit:,} of {len(ids):,} pieces (max_source_length): give it "
                "sentence by sentence"
            )
        if said:
            notes[place] = tuple(said)
    return notes


def unknown_units(
    tokenizer: Tokenizer, texts: Sequence[str], sources: Sequence[Sequence[int]]
) -> dict[int, list[str]]:
    """The characters (of a vocabulary of words: the words) of each text that the vocabulary lacks,
    in their order; texts that have none are left out.
    """
    words = tokenizer.model_type == "word"
    found = {
        place: list(dict.fromkeys(text.split() if words else text.replace(" ", "")))
        for place, (text, ids) in enumerate(zip(texts, sources, strict=True))
        if UNK_ID in ids
    }
    units = sorted({unit for units in found.values() for unit in units})
    encoded = tokenizer.encode(units)
    unknown = {unit for unit, ids in zip(units, encoded, strict=True) if UNK_ID in ids}
    return {place: [unit for unit in units if unit in unknown] for place, units in found.items()}


def merged(notes: Notes, texts: Sequence[str]) -> Iterator[str]:
    """A line for each note, with the beginning of its text; one for all texts that share it."""
    places: dict[str, list[int]] = {}
    for place, said in notes.items():
        for note in said:
            places.setdefault(note, []).append(place)
    for number, (note, where) in enumerate(places.items()):
        if number == _MOST_TOLD:
            yield f"{len(places) - number:,} further notes of this kind"
            return
        first = texts[where[0]]
        begin = repr(first[:40]) + ("..." if len(first) > 40 else "")
        more = f", and {len(where) - 1:,} more" if len(where) > 1 else ""
        yield f"{note} ({begin}{more})"
