"""The test sentences that the page browses: texts, scores, alternatives, attention weights."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attn2seq.report.settings import ReportSettings

# Weights beyond this many bytes stay out, so that the page stays quick to open.
ATTENTION_BYTES = 2_000_000


def browsed_sentences(
    sentences_file: Path, decoded: Path, settings: ReportSettings
) -> list[dict[str, Any]]:
    """The first sentences of the test set, as JSON values, one mapping each.

    `sentences_file` is evaluate's table, `decoded` the folder of decode's test results, of which
    the n-best list and the attention weights may be missing.
    """
    table = pd.read_parquet(sentences_file)
    table = table[table["split"] == "test"].head(settings.sentences)
    maps = read_attention(decoded / "attention.npz")
    others = _read_alternatives(decoded / "nbest.jsonl", settings)
    rows = []
    for row in table.to_dict("records"):
        line = int(row["line"])
        rows.append(
            {
                "line": line + 1,
                "src": row["src"],
                "hypothesis": row["hypothesis"],
                "reference": row["reference"],
                "bleu": round(row["bleu"], 1),
                "chrf": round(row["chrf"], 1),
                "exact": bool(row["exact_match"]),
                "surprise": round(row["nats"] / max(row["tokens"], 1), 3),
                "words": int(row["src_words"]),
                "alternatives": others.get(line, []),
                "attention": maps.get(line),
            }
        )
    return rows


def read_attention(path: Path) -> dict[int, dict[str, Any]]:
    """Attention weights by line: source and target pieces, and the weights a target piece gave.

    Weights are bytes, 255 for 1, row by row, in base64. Empty where the model has no attention.
    """
    maps: dict[int, dict[str, Any]] = {}
    if not path.exists():
        return maps
    room = ATTENTION_BYTES
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name.startswith("weights_")]
        for line in sorted(int(name.removeprefix("weights_")) for name in names):
            weights = arrays[f"weights_{line}"].astype(np.float32)
            room -= weights.size
            if room < 0:
                break
            levels = np.rint(np.clip(weights, 0, 1) * 255).astype(np.uint8)
            maps[line] = {
                "src": [str(piece) for piece in arrays[f"src_{line}"]],
                "tgt": [str(piece) for piece in arrays[f"tgt_{line}"]],
                "weights": base64.b64encode(levels.tobytes()).decode("ascii"),
            }
    return maps


def _read_alternatives(path: Path, settings: ReportSettings) -> dict[int, list[dict[str, Any]]]:
    """By line, the hypotheses after the best one."""
    if not path.exists():
        return {}
    found = {}
    for text in path.read_bytes().decode("utf-8").split("\n"):
        if not text:
            continue
        entry = json.loads(text)
        if entry["line"] >= settings.sentences:
            break
        found[int(entry["line"])] = [
            {"text": other["text"], "score": round(other["score"], 3)}
            for other in entry["hypotheses"][1 : settings.alternatives + 1]
        ]
    return found
