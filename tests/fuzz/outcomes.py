"""What may come of bytes from elsewhere: the right result, or one of these errors, each counted.

Any other exception is a defect, and so is a message that fits none of the patterns. A pattern asks
for what a user needs: the file, and the line or the key.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

from attn2seq.errors import UserError

T = TypeVar("T")
READ_WELL = "read well"
LEAST_CASES = 10_000
LEAST_OF_EACH = 50
# Of all cases, where not all are asked for; then each kind of error must be met once.
SHARE = 0.1
LONGEST_MESSAGE = 20_000

# A file, a file and its line, a key: how a message may start.
FILE, KEY = r"(/|recipes/|standard input)[^\n]*", r"[\w.-]+"
LINE = rf"{FILE}, line \d+"

# The first pattern that fits a line of a message names it.
LINES = {
    # reading/lines.py, reading/archives.py
    "lines: missing": rf"{FILE} is missing; run download again",
    "lines: empty, or one": rf"{FILE}( is empty|: its lines end in carriage returns)",
    "lines: not UTF-8": rf"{LINE}: not UTF-8 \(byte 0x..",
    "lines: line too long": rf"{LINE}: longer than [\d,]+ bytes",
    "lines: text too long": rf"{FILE} unpacks to more than [\d,]+ bytes",
    "archive: damaged": rf"{FILE} is (damaged or cut short (after line \d+ )?\(|not packed)",
    "archive: no such member": rf"{FILE} has no file ",
    "archive: folder or link": rf"{FILE} is a folder or a link, not a file",
    "archive: password": rf"{FILE} has a password",
    "archive: way of packing": rf"{FILE} uses method \d+",
    "archive: endless directory": rf"{FILE} has a directory of more than [\d,]+ bytes",
    # reading/readers.py
    "parallel: unequal sides": rf"parallel files must have equal line counts: {FILE} has \d+, /",
    "columns: missing": rf"{LINE}: column \d+ is missing; the line has \d+",
    "columns: too many or few": (
        rf"{LINE}: (\d+ columns, but line \d+ has \d+|'.+' between quotes within column \d+)"
    ),
    "columns: no such name": rf"{LINE}: no column is named ",
    "columns: name twice": rf"{LINE}: \d+ columns are named ",
    "json: key twice": rf"{LINE}: not JSON \(the key .* occurs twice\)",
    "json: not JSON": rf"{LINE}: not JSON \(",
    "json: no object": rf"{LINE}: must be a JSON object with keys",
    "json: key missing": rf"{LINE}: the key '\w+' is missing \(",
    "json: several texts": rf"{LINE}: '\w+' holds \d+ texts, but one is needed",
    "json: no text": rf"{LINE}: '\w+' must hold text, got ",
    "json: half a character": rf"{LINE}: '\w+' holds an escape from ",
    "key-value: key missing": rf"{LINE}: the key '\w+:' is missing",
    "key-value: key twice": rf"{LINE}: the key '\w+:' occurs twice",
    # reading/: parquet, markup, bitexts, test_sets, parallel, documents, dialogues
    "parquet: no table": rf"{FILE} is not a parquet table",
    "parquet: row": rf"{FILE}, rows? [\d,]+[ :]",
    "parquet: column": rf"{FILE}: (no column is named|\d+ columns are named|the column '.*' holds)",
    "xml: not XML": rf"{LINE}: not XML at position \d+",
    "xml: entity": rf"{LINE}: declares an entity",
    "xml: encoding": rf"{FILE}: its encoding cannot be read",
    "xml: endless tag": rf"{FILE} has a tag of more than [\d,]+ bytes",
    "bitext: endless text": rf"{LINE}: a (text|unit) longer than [\d,]+ characters",
    "xml: too deep": rf"{LINE}: nested more than [\d,]+ elements deep",
    "bitext: other root": rf"{FILE} is not (TMX|XLIFF): it begins with ",
    "bitext: no unit": rf"{FILE} holds no unit",
    "bitext: languages": rf"{LINE}: (the (unit|file) has the languages|<tuv> names no language)",
    "bitext: misplaced": rf"{LINE}: <seg> lies outside",
    "sgm: segment": rf"{LINE}: (the <seg> does not end|a </?seg> |segment )",
    "sgm: no set": rf"{FILE} (has no (segment|sources|references)|holds \d+ sources)",
    "moses: languages": rf"{FILE}: one file ending in \.\w+ is needed",
    "documents: no folder": rf"{FILE} has no files in the folder",
    "documents: section": rf"{FILE}: the section @",
    "dialogues: turn": rf"{LINE}: (turn \d+ has no text|the last turn does not end)",
    # config.py, read_yaml
    "yaml: missing": rf"{FILE}\.yaml is missing",
    "yaml: cannot be read": rf"{FILE}\.(yaml|json) cannot be read: Is a directory",
    "yaml: too large": rf"{FILE} is larger than [\d,]+ bytes; it must hold settings",
    "yaml: not UTF-8": rf"{LINE}: not UTF-8 text \(byte 0x..\)",
    "yaml: no mapping": rf"{FILE} must hold a mapping of keys to values",
    "yaml: anchor or alias": rf"{LINE}: write the value out in each place, without [&*]",
    "yaml: merged keys": rf"{LINE}: write the keys out instead of merging them",
    "yaml: tag": rf"{LINE}: leave the tag ",
    "yaml: too deep": rf"{LINE}: nested more than \d+ levels deep",
    "yaml: key no text": rf"{LINE}: (a key must be text|the key .* is not text in YAML)",
    "yaml: date": rf"{LINE}: .* is a \w+ in YAML",
    "yaml: long number": rf"{LINE}: a number of [\d,]+ digits",
    "yaml: half a character": rf"{LINE}: an escape from \\ud800 ",
    "yaml: forbidden character": rf"{LINE}: the character 0x\w+ is not allowed",
    "yaml: escape of nothing": rf"{LINE}: not YAML \(",
    "yaml: key twice": rf"{LINE}: found duplicate key",
    "yaml: syntax": rf"{LINE}: (found|expected|could not|but found|mapping values|sequence entries"
    r"|while|did not find|unexpected|invalid|block|nested)",
    # config.py and pipeline/check.py, faults of settings; catalogue/faults.py
    "model: no description": r"/\S+/config\.json does not describe a model: it has ",
    "settings: heading": r".* has \d+ errors?:$",
    "settings: unknown section": rf"  {KEY}: unknown section \(",
    "settings: section missing": rf"  {KEY}: the section is missing",
    "settings: no section": rf"  {KEY}: must be a section with keys, but is ",
    "settings: unknown key": r"  .*: unknown key( \(|$)",
    "settings: key missing": rf"  {KEY}: missing$",
    "settings: wrong value": rf"  {KEY}: (input should|string should|must be a (column|number))",
    "settings: combination": r"  (model|tokenize|train|decode)[\w.]*: .*(needs|set|must be)",
    "entry: no such corpus": r"(  download\.corpus: )?no corpus .* in .*needs a file /",
    "entry: other name": r"  name: must be that of the file",
    "entry: reader's keys": r"  \w+: (needed by the reader|belongs to the reader)",
    "entry: files": r"  files[\w.]*: (needs|must|\d+ files|the name|corpus\.yaml|missing; needed)",
    "entry: splits": r"  (make_)?splits\.[\w.]+: (needs|.* is (not among|an archive|not an archive)"
    r"|missing; (give|needed)|leave it out|the corpus gives)",
    "entry: pattern": r"  (remove_from_src|skip_lines): .* is not a valid pattern",
    "entry: number of a column": r"  columns: \d+ is a number; the columns of parquet",
    "entry: key within key": r"  keys: .* is part of ",
    "entry: name without header": r"  columns: .* is a name; set header: true",
    "entry: generated has none": r"  \w+: a generated corpus has none",
    # model/checkpoint.py, tokenization/, decoding/
    "model: none there": r"/\S+ holds no model \(config\.json is missing\)",
    "model: config unreadable": r"/\S+/config\.json cannot be read: ",
    "model: other format": r"/\S+/config\.json is not of model format ",
    "model: weights unreadable": r"/\S+/model\.safetensors cannot be read: ",
    "model: weights do not fit": r"/\S+/model\.safetensors does not fit its config\.json",
    "model: weights damaged": r"/\S+/model\.safetensors is damaged, or not the one of its config",
    "tokenizer: missing": r"/\S+\.model is missing; the tokenize stage writes it",
    "tokenizer: no model": r"/\S+\.model is not a sentencepiece model",
    "tokenizer: other ids": r"/\S+\.model has the pad, unknown, start and end ids ",
    "tokenizer: piece no text": r"/\S+\.model is damaged: it has a piece that is no text",
    "tokenizer: other size": r"/\S+\.model has [\d,]+ pieces, but the model was trained with",
    "tokens: missing": r"/\S+\.npy is missing; the tokenize stage writes it",
    "tokens: damaged": r"/\S+\.npy is damaged",
    "tokens: do not fit": r"/\S+\.npy and /\S+\.npy do not fit; run tokenize again",
    "checkpoint: skipped": r"checkpoint /\S+ is damaged: it is skipped",
    "checkpoint: not ours": r"checkpoint /\S+ cannot be read \(",
    # sources/vectors.py, tokenization/vectors.py
    "vectors: no such": r"no vectors .*: /.* is missing",
    "vectors: no width": rf"{LINE}: a word and 1 to [\d,]+ numbers",
    "vectors: other width": rf"{LINE}: [\d,]+ numbers follow the word, but the first vector has",
    "vectors: no number": rf"{LINE}: .* is not a number",
    "vectors: not finite": rf"{LINE}: a number is not finite",
    "entry: vectors": r"  (file[\w.]*|member): (needs|must|missing|vectors\.json|the name|\S+ is)",
    # src/attn2seq/cli/translate.py, src/attn2seq/workspace/recipes.py
    "command: usage": r"usage: ",
    "command: two sources": r"give either texts or --file, not both",
    "command: file unreadable": rf"{FILE} cannot be read: ",
    "command: text not UTF-8": r"text \d+ is no text: it holds half of a surrogate pair",
    "recipe: none named": r"name one recipe: ",
    "recipe: no such recipe": r"no recipe .* in recipes/ \(",
    "recipe: no single value": r"  [\w.]+: holds (keys|one value) in params\.yaml, but is ",
}
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in LINES.items()}


def kind_of(line: str) -> str:
    """The name of an error's line. Raises AssertionError where it is none of the known ones."""
    for kind, pattern in _PATTERNS.items():
        if pattern.match(line):
            return kind
    raise AssertionError(f"an error that none expects: {line!r}")


@dataclass(frozen=True)
class Refused:
    """An error that a user would see."""

    kinds: list[str]
    message: str


@dataclass
class Tally:
    """How often each entry was tried with each kind of input, and what came of it."""

    share: float  # of the cases that there are: 1.0, or SHARE
    inputs: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def seeds(self, count: int) -> range:
        """One for each case, of a test that has `count` where all are tried."""
        return range(ceil(count * self.share))

    @property
    def least_cases(self) -> int:
        """How many must be tried."""
        return int(LEAST_CASES * self.share)

    @property
    def least_of_each(self) -> int:
        """How often each kind of error must be met."""
        return LEAST_OF_EACH if self.share == 1 else 1

    def meet(self, entry: str, given: str, act: Callable[[], T]) -> T | Refused:
        """Run one case and count it; `given` names the kind of input."""
        try:
            result = act()
        except UserError as error:
            return self.count(entry, given, str(error))
        self.count(entry, given, "")
        return result

    def count(self, entry: str, given: str, message: str) -> Refused:
        """Count a case by its error message; an empty one is a case read well."""
        kinds = [kind_of(line) for line in message.split("\n")] if message else [READ_WELL]
        assert len(message) < LONGEST_MESSAGE
        # What an enemy wrote moves no cursor and turns no text round in a terminal.
        assert message.replace("\n", "").isprintable(), f"{message!r}"
        self.inputs[entry, given] += 1
        for kind in dict.fromkeys(kinds):
            self.outcomes[entry, kind] += 1
        return Refused(kinds, message)

    @property
    def cases(self) -> int:
        return self.inputs.total()

    def rare(self) -> dict[str, int]:
        """The kinds of error that were met less often than they should."""
        met = Counter[str]()
        for (_, kind), count in self.outcomes.items():
            met[kind] += count
        return {kind: met[kind] for kind in LINES if met[kind] < self.least_of_each}

    def table(self) -> list[str]:
        """A line for each kind of input, then one for each outcome, by entry."""
        entries = sorted({entry for entry, _ in self.inputs})
        head = f"{'':32}" + "".join(f"{entry:>13}" for entry in entries) + f"{'all':>13}"
        lines = []
        for title, counts in (("input", self.inputs), ("outcome", self.outcomes)):
            lines.append(title + head[len(title) :])
            for kind in dict.fromkeys(kind for _, kind in sorted(counts, key=lambda key: key[1])):
                row = [counts[entry, kind] for entry in entries]
                numbers = "".join(f"{number or '':>13}" for number in [*row, sum(row)])
                lines.append(f"{kind:32}{numbers}")
        totals = [sum(self.inputs[key] for key in self.inputs if key[0] == e) for e in entries]
        lines.append(f"{'cases':32}" + "".join(f"{n:>13}" for n in [*totals, self.cases]))
        return lines
