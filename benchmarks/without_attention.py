"""How much attention gives on the corpus of params.yaml: the same model with and without it.

    PYTHONPATH=src python -m benchmarks.without_attention

Runs the real stages twice in a temporary copy of the working tree, with model.attention as
params.yaml has it and with none, on the same pairs in the same number of steps, and prints the
scores. Takes twice as long as a run of the pipeline; the repository itself is left as it is.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
COPIED = ("data/catalogue", "data/local", "pipeline", "src", "dvc.yaml", "params.yaml")
BEFORE = ("check", "download", "prepare", "tokenize_corpus")
AFTER = ("train", "decode", "evaluate")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for part in COPIED:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / part, place / part)
        usual = set_param(place, "track", "enabled", False)["model"]["attention"]
        run(place, BEFORE)
        print(f"{'attention':12}{'dev BLEU':>10}{'test BLEU':>11}{'steps':>8}{'parameters':>12}")
        for attention in (usual, "none"):
            set_param(place, "model", "attention", attention)
            run(place, AFTER)
            scores = read_json(place / "results/evaluate/metrics.json")
            training = read_json(place / "results/train/metrics.json")
            print(
                f"{attention:12}{scores['dev']['bleu']:>10.2f}{scores['test']['bleu']:>11.2f}"
                f"{training['steps']:>8}{training['parameters']:>12,}",
                flush=True,
            )


def set_param(place: Path, section: str, key: str, value: object) -> dict[str, dict[str, object]]:
    """Write one value into the copy's params.yaml; gives the values as they were."""
    yaml = YAML()
    path = place / "params.yaml"
    values = yaml.load(path)
    before = {name: dict(part) for name, part in values.items()}
    values[section][key] = value
    yaml.dump(values, path)
    return before


def run(place: Path, stages: tuple[str, ...]) -> None:
    """Run stages in the copy, with caches of its own."""
    environment = os.environ | {"PYTHONPATH": "src", "DVC_ROOT": str(place)}
    if mirror := os.environ.get("CORPUS_MIRROR"):
        environment["CORPUS_MIRROR"] = str((ROOT / mirror).resolve())
    for stage in stages:
        command = [sys.executable, "-m", f"pipeline.{stage}"]
        subprocess.run(command, cwd=place, env=environment, check=True)


def read_json(path: Path) -> dict[str, dict[str, float]]:
    """The content of a metrics file."""
    values: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return values


if __name__ == "__main__":
    # Hours of work: a mistyped argument, or --help, must not begin it.
    argparse.ArgumentParser(description="The same model with and without attention.").parse_args()
    main()
