"""What `make repro` ends with: scores, times, where each result lies, how to look at it."""

import json
from pathlib import Path
from typing import Any

from attn2seq.cli.housekeeping import caches_hint
from attn2seq.workspace.stage import main_root

STAGES = {
    "check": "results/check/ok",
    "download": "data/raw",
    "prepare": "data/prepared",
    "tokenize": "data/tokenized",
    "train": "models/trained",
    "decode": "results/decode",
    "evaluate": "results/evaluate",
    "package": "models/model",
    "report": "results/report/index.html",
}
NAMES = {
    "accuracy": "accuracy, %", "word_error_rate": "word error rate, %", "bleu": "BLEU",
    "moses_bleu": "BLEU, Moses, lower", "chrf": "chrF", "ter": "TER", "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2", "rougeL": "ROUGE-L", "exact_match": "exact match, %",
    "perplexity": "perplexity", "bits_per_character": "bits per character",
}  # fmt: skip


def scores_table(metrics: dict[str, dict[str, Any]]) -> list[str]:
    """A line a metric, a column a split; what a corpus asks to be scored by comes first."""
    splits = list(metrics)
    lines = [f"{'':22}" + "".join(f"{split:>12}" for split in splits)]
    scored = metrics[splits[-1]]
    for key in [name for name in NAMES if name in scored]:
        cells = "".join(f"{metrics[split][key]:>12.2f}" for split in splits)
        lines.append(f"{NAMES[key]:22}{cells}")
    return lines


def times_table(timings: Path) -> list[str]:
    """A line a stage: how long its last run took, and where its result is."""
    lines = [f"{'stage':12}{'last run':>10}   result"]
    for stage, result in STAGES.items():
        path = timings / f"{stage}.json"
        time = "from cache"
        if path.is_file():
            time = f"{json.loads(path.read_text(encoding='utf-8'))['seconds']:.1f} s"
        lines.append(f"{stage:12}{time:>10}   {result}")
    return lines


def main() -> None:
    root = main_root()
    metrics = json.loads(Path("results/evaluate/metrics.json").read_text(encoding="utf-8"))
    lines = [*scores_table(metrics), "", *times_table(root / ".cache" / "timings"), ""]
    report = Path("results/report/index.html").resolve().as_uri()
    lines += [f"report:  {report}", "runs:    make ui   (MLflow, then http://127.0.0.1:5000)"]
    if hint := caches_hint(root):
        lines.append(hint)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
