"""A carried corpus from training to scores; with multi30k also decoded on the CPU from there.

python -m benchmarks.gpu.corpus default|multi30k
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.gpu.workspace import rehearsal, say, set_params, started
from benchmarks.machine import ROOT
from benchmarks.tables.runs import run_stages

# What the project's own run of params.yaml scored on a CPU.
RECORDED = ROOT / "results/evaluate/metrics.json"


def main(corpus: str) -> None:
    out = Path(os.environ["GPU_OUT"])
    place = started(corpus, corpus)
    for stage in ("train", "decode", "evaluate"):
        begun = time.monotonic()
        run_stages(place, [stage])
        say({f"{stage}, s with start-up": f"{time.monotonic() - begun:.1f}"})
    shutil.copy(place / "results/train/history.csv", out / f"{corpus}-history.csv")
    speed = pd.concat(map(pd.read_csv, place.glob(".cache/timings/train-*.csv")))
    say({"target tokens/s, median": f"{speed['tokens_per_second'].median():,.0f}"})
    training = json.loads((place / "results/train/metrics.json").read_text(encoding="utf-8"))
    say({name: training[name] for name in ("steps", "dev_loss", "dev_accuracy")})
    found = bleu(place)
    say({f"BLEU, {split}": score for split, score in found.items()})
    recorded = bleu_in(RECORDED)["dev"]
    if corpus == "default" and not rehearsal() and found["dev"] < recorded - 1:
        raise SystemExit(f"more than a point below the recorded {recorded}")
    if corpus == "multi30k":
        on_the_cpu(place, found)


def on_the_cpu(place: Path, on_gpu: dict[str, float]) -> None:
    """Decode with the same folder on the CPU, and compare texts and scores."""
    texts = hypotheses(place)
    set_params(place, {"decode": {"device": "cpu", "number_type": "float32"}})
    begun = time.monotonic()
    run_stages(place, ["decode", "evaluate"])
    again = hypotheses(place)
    equal = sum(left == right for left, right in zip(texts, again, strict=True))
    say(
        {
            "decoded on the CPU, s": f"{time.monotonic() - begun:.1f}",
            "BLEU there": bleu(place),
            "texts that are equal": f"{equal} of {len(texts)}",
        }
    )
    if abs(bleu(place)["test"] - on_gpu["test"]) > 0.5:
        raise SystemExit("the CPU's BLEU is another than the GPU's")


def bleu(place: Path) -> dict[str, float]:
    """Of dev and test."""
    return bleu_in(place / "results/evaluate/metrics.json")


def bleu_in(path: Path) -> dict[str, float]:
    """Of dev and test, in such a file."""
    metrics = json.loads(path.read_text(encoding="utf-8"))
    return {split: metrics[split]["bleu"] for split in ("dev", "test")}


def hypotheses(place: Path) -> list[str]:
    """The texts of both splits."""
    return pd.read_parquet(place / "results/evaluate/sentences.parquet")["hypothesis"].tolist()


if __name__ == "__main__":
    main(sys.argv[1])
