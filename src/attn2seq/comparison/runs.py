"""A finished run, as it is compared: where its results lie, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from attn2seq.errors import UserError
from attn2seq.evaluation.texts import SplitTexts, read_json, read_table

SPLITS = ("test", "dev")


@dataclass(frozen=True)
class Run:
    """One of the two runs."""

    name: str
    """What a user calls it: a branch, a DVC experiment, a folder."""
    results: Path
    """Its folder `results`, with those of evaluate and train in it."""
    corpus: str
    params: Mapping[str, str]
    """Every param of its stages by dotted name; empty where they are not known."""
    facts: Mapping[str, str]
    """Commit, machine and the like, as far as they are known."""
    prepared: str | None = None
    """A digest of the prepared corpus; None where it is not known."""
    lacks: str | None = None
    """A file of `results` without which only scores can be compared; None where none is missing."""

    def scores(self, split: str) -> dict[str, float]:
        """Those that evaluate wrote for the split, by metric. Raises UserError."""
        found = read_json(self.results / "evaluate" / "metrics.json")[split]
        return {name: float("nan") if value is None else value for name, value in found.items()}

    def sentences(self, split: str) -> pd.DataFrame:
        """Evaluate's row for each sentence of the split. Raises UserError."""
        table = read_table(self.results / "evaluate" / "sentences.parquet")
        return table[table["split"] == split].reset_index(drop=True)


def texts_of(rows: pd.DataFrame, references: list[list[str]]) -> SplitTexts:
    """A split as it is scored, from evaluate's rows and the references to score it against."""
    return SplitTexts(
        sources=[str(text) for text in rows["src"]],
        targets=[str(text) for text in rows["reference"]],
        references=references,
        hypotheses=[str(text) for text in rows["hypothesis"]],
        nats=rows["nats"].to_numpy(np.float64),
        tokens=rows["tokens"].to_numpy(np.float64),
    )


def refuse_other_texts(ours: Run, theirs: Run, split: str) -> None:
    """Scores on other sentences, or against other references, say nothing of two systems.

    Raises UserError.
    """
    columns = ["src", "reference"]
    first, second = (run.sentences(split)[columns] for run in (ours, theirs))
    if first.equals(second):
        return
    refuse_other_corpus(ours, theirs)
    if len(first) != len(second):
        what = f"{len(second):,} sentences, not {len(first):,}"
    else:
        differing = (first != second).any(axis=1)
        what = f"{differing.sum():,} other sentences, the first in line {differing.argmax() + 1}"
    raise UserError(
        f"{theirs.name} has a different {split} set of {theirs.corpus} ({what}): "
        "prepare.unicode_form or the catalogue entry differed. Run it again with today's to compare"
    )


def refuse_other_corpus(ours: Run, theirs: Run) -> None:
    """Raises UserError."""
    if ours.corpus != theirs.corpus:
        raise UserError(
            f"{theirs.name} is a run on the corpus {theirs.corpus}, and {ours.name} one on "
            f"{ours.corpus}: only results on the same sentences can be compared"
        )
