"""The phrasebook's lexicon: its words, read from tables in `data`.

A table has tab-separated columns, a heading line, and lines of comment after `#`. A column is also
a feature: a cell lists its values, apart by spaces, and a rule may ask for a shared one.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.phrasebook import english, german

# Word class -> its tables, the columns that it must have, and what a blank cell stands for.
WORD_CLASSES: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]] = {
    "noun": (
        ("persons", "things", "places"),
        ("en", "plural", "de", "gender", "de_plural", "declension", "kind"),
        {"numbers": "sg pl", "sex": "neuter", "feminine": ""},
    ),
    "verb": (
        ("verbs",),
        ("en", "forms", "ing", "de", "present", "participle", "frame", "subject", "object"),
        {"aspect": "activity", "aux": "haben"},
    ),
    "adjective": (("adjectives",), ("en", "de", "stem", "more_en", "more_de", "rank", "fits"), {}),
    "adverb": (("adverbs",), ("en", "de", "slot", "times"), {}),
    "name": (("names",), ("en", "kind", "sex", "only"), {}),
    "pronoun": (("pronouns",), ("en", "en_object", "nom", "acc", "dat", "reflexive"), {}),
    "determiner": (("determiners",), ("en", "de", "type", "pattern", "numbers"), {}),
    "conjunction": (("conjunctions",), ("en", "de", "slot", "times", "types"), {}),
    "preposition": (("prepositions",), ("en", "de"), {}),
    "number": (("numbers",), ("en", "de", "joined", "slot"), {}),
    "digit": (("digits",), ("en", "de", "slot"), {}),
    "calendar": (("calendar",), ("en", "de", "slot"), {}),
    "auxiliary": (("auxiliaries",), ("name", "en", "ich", "du", "er", "wir"), {}),
}
# The class's own forms, by language; any other field of a word is a column, or column_language.
INFLECTIONS = {
    ("noun", "en"): (english.noun_form, ("", "singular")),
    ("noun", "de"): (german.noun_form, ("", "singular", "feminine")),
    ("verb", "en"): (
        english.verb_form,
        ("base", "present", "past", "participle", "ing", "particle"),
    ),
    ("verb", "de"): (
        german.verb_form,
        ("present", "prefix", "infinitive", "zu", "participle", "imperative"),
    ),
    ("adjective", "en"): (english.adjective_form, ("", "more")),
    ("adjective", "de"): (german.adjective_form, ("", "predicate", "more")),
    ("pronoun", "en"): (english.pronoun_form, ("",)),
    ("pronoun", "de"): (german.pronoun_form, ("", "reflexive")),
    ("name", "de"): (german.name_form, ("", "genitive")),
    ("determiner", "de"): (german.determiner_form, ("",)),
    ("auxiliary", "en"): (english.auxiliary_form, ("",)),
    ("auxiliary", "de"): (german.auxiliary_form, ("",)),
}


class Word:
    """One entry of the lexicon: its columns, and where it stands in which table."""

    def __init__(self, word_class: str, columns: dict[str, str], place: str) -> None:
        self.word_class = word_class
        self.columns = columns
        self.place = place
        self.weight = float(columns.get("weight") or 1)

    def feature(self, name: str) -> str:
        """The values of one column, "" where it is blank or unknown."""
        return self.columns.get(name, "")

    def text(self, language: str, field: str, features: Mapping[str, str]) -> str:
        """One of its forms, agreeing with `features`. Raises UserError where one is missing."""
        inflection = INFLECTIONS.get((self.word_class, language))
        if inflection and field in inflection[1]:
            try:
                return inflection[0](self.columns, field, features)
            except (KeyError, IndexError) as error:
                raise UserError(
                    f"{self.place}: no {language} form {field or 'of its own'!r} with {error}"
                ) from None
        if not field:
            return self.columns[language]
        key = f"{field}_{language}"
        return self.columns[key] if key in self.columns else self.columns[field]

    def has_field(self, language: str, field: str) -> bool:
        """Whether `text` knows the field."""
        inflection = INFLECTIONS.get((self.word_class, language))
        known = field in inflection[1] if inflection else not field
        return known or field in self.columns or f"{field}_{language}" in self.columns


def load_lexicon(folder: Path) -> dict[str, list[Word]]:
    """All words by class, in the order of the tables. Raises UserError with file and line."""
    lexicon: dict[str, list[Word]] = {}
    for word_class, (tables, required, blanks) in WORD_CLASSES.items():
        words = lexicon.setdefault(word_class, [])
        for table in tables:
            words += _read_table(folder / f"{table}.tsv", word_class, required, blanks)
    return lexicon


def _read_table(
    path: Path, word_class: str, required: tuple[str, ...], blanks: Mapping[str, str]
) -> Iterator[Word]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: it holds words of the class {word_class}") from None
    rows = [(i, line) for i, line in enumerate(lines, 1) if line and not line.startswith("#")]
    heading = rows[0][1].split("\t") if rows else []
    missing = [column for column in required if column not in heading]
    if missing:
        raise UserError(f"{path}: the heading lacks {', '.join(missing)}")
    seen: set[str] = set()
    for number, line in rows[1:]:
        place = f"{path}, line {number}"
        cells = line.split("\t")
        if len(cells) > len(heading):
            raise UserError(f"{place}: {len(cells)} cells under {len(heading)} headings: {line!r}")
        if line in seen:
            raise UserError(f"{place}: this entry is there twice: {line!r}")
        seen.add(line)
        cells += [""] * (len(heading) - len(cells))
        columns = dict(zip(heading, cells, strict=True))
        for column, value in blanks.items():
            columns[column] = columns.get(column) or value
        yield Word(word_class, columns, f"{place} ({columns['en'] or columns['de']})")
