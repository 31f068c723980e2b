"""The test sentences that the page browses: texts, scores, alternatives, attention weights."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attn2seq.features.frame_store import FrameSequences
from attn2seq.features.log_mel import Frames
from attn2seq.features.settings import FRAMES_PER_POSITION
from attn2seq.report.settings import ReportSettings

# Weights beyond this many bytes stay out, so that the page stays quick to open.
ATTENTION_BYTES = 2_000_000
# Sentences shown as the worst.
WORST = 10


def browsed_sentences(
    sentences_file: Path,
    decoded: Path,
    settings: ReportSettings,
    recordings: FrameSequences | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The first sentences of the test set, and the worst of all, as JSON values, one mapping each.

    `sentences_file` is evaluate's table, `decoded` the folder of decode's test results, of which
    the n-best list and the attention weights may be missing. Of `recordings`, the sources of the
    test set, what has attention weights has its spectrogram too.
    """
    table = pd.read_parquet(sentences_file)
    table = table[table["split"] == "test"]
    first = table.head(settings.sentences)
    worst = table[~table["exact_match"]].sort_values(["bleu", "chrf", "line"]).head(WORST)
    maps = read_attention(decoded / "attention.npz")
    if recordings is not None:
        maps = {line: found | spectrogram(recordings[line]) for line, found in maps.items()}
    lines = {int(line) for line in (*first["line"], *worst["line"])}
    others = _read_alternatives(decoded / "nbest.jsonl", lines, settings.alternatives)
    return _as_json(first, maps, others), _as_json(worst, maps, others)


def _as_json(
    table: pd.DataFrame, maps: Mapping[int, Any], others: Mapping[int, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    return [
        {
            "line": int(row["line"]) + 1,
            "src": row["src"],
            "hypothesis": row["hypothesis"],
            "reference": row["reference"],
            "bleu": round(row["bleu"], 1),
            "chrf": round(row["chrf"], 1),
            "exact": bool(row["exact_match"]),
            "surprise": round(row["nats"] / max(row["tokens"], 1), 3),
            "words": int(row["src_words"]),
            "alternatives": others.get(int(row["line"]), []),
            "attention": maps.get(int(row["line"])),
        }
        for row in table.to_dict("records")
    ]


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


def spectrogram(frames: Frames) -> dict[str, Any]:
    """The mean of each position's frames as bytes: 0 for two deviations below the mean of all
    recordings, 255 for two above; position by position, in base64.
    """
    starts = np.arange(0, len(frames), FRAMES_PER_POSITION)
    counts = np.diff(np.append(starts, len(frames)))
    means = np.add.reduceat(frames, starts) / counts[:, None]
    levels = np.rint(np.clip((means + 2) / 4, 0, 1) * 255).astype(np.uint8)
    return {
        "mels": base64.b64encode(levels.tobytes()).decode("ascii"),
        "bins": frames.shape[1],
    }


def _read_alternatives(path: Path, lines: set[int], most: int) -> dict[int, list[dict[str, Any]]]:
    """By line, the hypotheses after the best one, at most so many."""
    if not path.exists():
        return {}
    found = {}
    # Parted at newlines alone: a rarer line separator may be part of a text.
    with path.open(encoding="utf-8", newline="\n") as file:
        for text in file:
            entry = json.loads(text)
            if entry["line"] in lines:
                found[int(entry["line"])] = [
                    {"text": other["text"], "score": round(other["score"], 3)}
                    for other in entry["hypotheses"][1 : most + 1]
                ]
    return found
