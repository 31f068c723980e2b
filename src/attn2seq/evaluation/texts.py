"""The texts and numbers of one split, read and checked against each other; words in any script."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import regex

from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Numbers

# In these scripts no space parts the words: each character, with its marks, stands for itself.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_WORD = regex.compile(
    rf"[[{_UNSPACED}]&&[\p{{L}}\p{{N}}]]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+",
    flags=regex.V1,
)


@dataclass(frozen=True)
class SplitTexts:
    """One split as scored: sentence i is row i everywhere.

    `references` holds all references of a sentence, `target` the first, which `nats` (its
    negative log-probability) and `tokens` (with the end of sentence) speak of.
    """

    sources: list[str]
    targets: list[str]
    references: list[list[str]]
    hypotheses: list[str]
    nats: Numbers
    tokens: Numbers

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class CorpusFacts:
    """What the scores need to know of the corpus."""

    tgt_lang: str
    bleu_tokenizer: str
    extra_metrics: tuple[str, ...]
    task: str = ""
    recordings: bool = False


def read_corpus_facts(path: Path) -> CorpusFacts:
    """From the corpus description that prepare wrote. Raises UserError."""
    facts = read_json(path)
    try:
        return CorpusFacts(
            str(facts["tgt_lang"]),
            str(facts["bleu_tokenizer"]),
            tuple(facts["metrics"] or ()),
            str(facts["task"]),
            "recordings" in facts,
        )
    except KeyError as error:
        raise UserError(f"{path} has no key {error}; run prepare again") from None


def read_split(pairs_file: Path, decoded: Path) -> SplitTexts:
    """One split: the prepared pairs, and what decode wrote for them.

    Raises UserError where a file is missing, the numbers of lines differ, or nats are no numbers.
    """
    pairs = read_table(pairs_file)
    hypotheses_file, nats_file = decoded / "hypotheses.txt", decoded / "reference_nats.parquet"
    hypotheses = read_lines(hypotheses_file)
    nats = read_table(nats_file)
    for path, count in ((hypotheses_file, len(hypotheses)), (nats_file, len(nats))):
        if count != len(pairs):
            raise UserError(
                f"{path} has {count} lines, but {pairs_file} has {len(pairs)}: "
                "they are of different corpora or runs; decode again"
            )
    if not len(pairs):
        raise UserError(f"{pairs_file} holds no sentence: there is nothing to score")
    split = SplitTexts(
        sources=[str(text) for text in pairs["src"]],
        targets=[str(text) for text in pairs["tgt"]],
        references=references_of(pairs),
        hypotheses=hypotheses,
        nats=nats["nats"].to_numpy(np.float64),
        tokens=nats["tokens"].to_numpy(np.float64),
    )
    bad = np.flatnonzero(~np.isfinite(split.nats))
    if bad.size:
        raise UserError(
            f"{nats_file}, line {bad[0] + 1}: {split.nats[bad[0]]} nats; the model gave no "
            "probability, so training failed (check the loss in the history)"
        )
    return split


def references_of(pairs: pd.DataFrame) -> list[list[str]]:
    """All references of each sentence of prepared pairs."""
    if "refs" in pairs:
        return [[str(text) for text in texts] for texts in pairs["refs"]]
    return [[str(text)] for text in pairs["tgt"]]


def split_words(text: str) -> list[str]:
    """The words of a text: runs of letters, marks and numbers; case is kept.

    `split_words("Um 7 Uhr, Ada!")` gives `["Um", "7", "Uhr", "Ada"]`;
    `split_words("我爱你。")` gives `["我", "爱", "你"]`.
    """
    return [str(word) for word in _WORD.findall(text)]


def read_lines(path: Path) -> list[str]:
    """The lines of a text, split at newlines alone: a rarer line separator is part of a line."""
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError:
        raise missing(path) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start})") from None
    return lines[:-1] if lines[-1] == "" else lines


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds a mapping. Raises UserError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path) from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold a mapping")
    return values


def read_table(path: Path) -> pd.DataFrame:
    """A parquet file. Raises UserError where it is missing."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise missing(path) from None


def missing(path: Path) -> UserError:
    """What to raise where a result is not there."""
    return UserError(f"{path} is missing: run the stage that writes it (make repro)")
