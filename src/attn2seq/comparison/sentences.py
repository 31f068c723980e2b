"""The test sentences of which two runs make different texts, as values for the page."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from attn2seq.comparison.runs import Run
from attn2seq.report.sentences import read_attention


def differing_sentences(ours: Run, theirs: Run, most: int) -> list[dict[str, Any]]:
    """The sentences whose hypotheses differ, those first that differ most by chrF, at most `most`.

    `gain` is by how much ours is better, `gap` its size.
    """
    first, second = ours.sentences("test"), theirs.sentences("test")
    rows = pd.concat([first, second.add_suffix("_other")], axis="columns")
    rows = rows[rows["hypothesis"] != rows["hypothesis_other"]]
    rows = rows.assign(gain=rows["chrf"] - rows["chrf_other"])
    rows = rows.assign(gap=rows["gain"].abs())
    rows = rows.sort_values(["gap", "line"], ascending=[False, True]).head(most)
    maps = [read_attention(run.results / "decode/test/attention.npz") for run in (ours, theirs)]
    return [
        {
            "line": int(row["line"]) + 1,
            "src": row["src"],
            "reference": row["reference"],
            "words": int(row["src_words"]),
            "gain": round(row["gain"], 1),
            "gap": round(row["gap"], 1),
            "ours": _side(row, "", maps[0]),
            "theirs": _side(row, "_other", maps[1]),
        }
        for row in rows.to_dict("records")
    ]


def outcomes(ours: Run, theirs: Run) -> dict[str, int]:
    """In how many test sentences each run is better by chrF, and in how many neither is."""
    gains = ours.sentences("test")["chrf"] - theirs.sentences("test")["chrf"]
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    return {"better": better, "worse": worse, "equal": len(gains) - better - worse}


def _side(row: Mapping[Any, Any], suffix: str, maps: Mapping[int, Any]) -> dict[str, Any]:
    return {
        "text": row[f"hypothesis{suffix}"],
        "bleu": round(row[f"bleu{suffix}"], 1),
        "chrf": round(row[f"chrf{suffix}"], 1),
        "exact": bool(row[f"exact_match{suffix}"]),
        "attention": maps.get(int(row["line"])),
    }
