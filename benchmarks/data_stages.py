"""Time and memory of prepare and tokenize, for each pair more.

    PYTHONPATH=src python -m benchmarks.data_stages [FEW MANY]

Runs the two stages on corpora of 30,000 and of 1,000,000 made-up pairs, in processes of their own.
The difference of the two, divided by the difference in pairs, leaves out start-up, and the learning
of the vocabulary, which looks at equally many lines in both. Time is set beside what sentencepiece
alone needs to encode the same lines; memory is the peak of the process (there are no others).
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sentencepiece as spm
from ruamel.yaml import YAML

from benchmarks.tables.runs import ROOT, STAGES

FEW, MANY = 30_000, 1_000_000
LEARN_FROM_LINES = 10_000
BATCH_LINES = 20_000
ENTRY = {
    "name": "made-up",
    "title": "Made-up sentences",
    "task": "translation",
    "src_lang": "en",
    "tgt_lang": "de",
    "files": [{"path": f"{split}.tsv"} for split in ("train", "dev", "test")],
    "reader": "delimited",
    "delimiter": "\t",
    "columns": {"src": 1, "tgt": 2},
    "splits": {split: {"file": f"{split}.tsv"} for split in ("train", "dev", "test")},
    "bleu_tokenizer": "13a",
    "metrics": [],
    "licence": "none needed",
    "citation": "none",
}
LETTERS = {"src": "etaoinshrdlucm", "tgt": "enisratdhulcgmäöüß"}


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    seconds: float
    peak_bytes: int


def main(few: int, many: int) -> None:
    costs: dict[str, dict[int, Cost]] = {"prepare": {}, "tokenize_corpus": {}}
    with tempfile.TemporaryDirectory() as name:
        for pairs in (few, many):
            place = Path(name) / str(pairs)
            make_corpus(place, pairs)
            for stage in STAGES[:4]:
                cost = run(place, stage)
                if stage in costs:
                    costs[stage][pairs] = cost
        encoding = encoding_seconds(place) / many
    more = many - few
    print(f"{few:,} and {many:,} pairs; for each pair more:")
    print(f"{'':12}{'microseconds':>14}{'bytes':>8}")
    seconds = 0.0
    for stage, cost in costs.items():
        each = (cost[many].seconds - cost[few].seconds) / more
        memory = (cost[many].peak_bytes - cost[few].peak_bytes) / more
        seconds += each
        print(f"{stage.partition('_')[0]:12}{1e6 * each:>14.1f}{memory:>8.1f}")
    print(f"{'both':12}{1e6 * seconds:>14.1f}")
    print(f"sentencepiece alone encodes a pair in {1e6 * encoding:.1f} microseconds")
    print(f"both stages over sentencepiece alone: {seconds / encoding:.2f}")


def make_corpus(place: Path, pairs: int) -> None:
    """A copy of the tree with params for a corpus of so many pairs, none of which stands twice."""
    for part in ("pipeline", "src", "dvc.yaml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        place.mkdir(exist_ok=True)
        copy(ROOT / part, place / part)
    params = YAML(typ="safe").load(ROOT / "recipes" / "phrasebook-en-de.yaml")
    params["download"]["corpus"] = ENTRY["name"]
    params["tokenize"] |= {"vocabulary_size": 4000, "max_training_lines": LEARN_FROM_LINES}
    YAML().dump(params, place / "params.yaml")
    (place / "data" / "catalogue").mkdir(parents=True)
    YAML().dump(ENTRY, place / "data" / "catalogue" / f"{ENTRY['name']}.yaml")
    local = place / "data" / "local"
    local.mkdir()
    draw = random.Random(1)
    words = {
        side: [make_word(draw, letters) for _ in range(8000)] for side, letters in LETTERS.items()
    }
    for split, size in (("train", pairs), ("dev", 1000), ("test", 1000)):
        with (local / f"{split}.tsv").open("w", encoding="utf-8") as file:
            for number in range(size):
                src, tgt = (" ".join(draw.choices(words[side], k=11)) for side in ("src", "tgt"))
                file.write(f"{src} {split} {number}\t{tgt} {number}\n")


def make_word(draw: random.Random, letters: str) -> str:
    """Two to nine letters."""
    return "".join(draw.choices(letters, k=draw.randint(2, 9)))


def run(place: Path, stage: str) -> Cost:
    """Run a stage in the copy."""
    environment = os.environ | {"PYTHONPATH": "src", "DVC_ROOT": str(place)}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"pipeline.{stage}"], cwd=place, env=environment,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"pipeline.{stage} failed in {place}")
    return Cost(time.perf_counter() - started, usage.ru_maxrss * 1024)


def encoding_seconds(place: Path) -> float:
    """What sentencepiece needs for all lines of train, texts and ids in memory, on all cores."""
    data, seconds = place / "data", 0.0
    pairs = pd.read_parquet(data / "prepared" / "train.parquet")
    for side in ("src", "tgt"):
        model = str(data / "tokenized" / f"{side}.model")
        processor, texts = spm.SentencePieceProcessor(model_file=model), pairs[side].tolist()
        started = time.perf_counter()
        for start in range(0, len(texts), BATCH_LINES):
            processor.encode(texts[start : start + BATCH_LINES], num_threads=-1)
        seconds += time.perf_counter() - started
    return seconds


def sizes(arguments: Sequence[str]) -> tuple[int, int]:
    """`FEW MANY`, or the usual ones."""
    few, many = (int(text) for text in arguments) if arguments else (FEW, MANY)
    return few, many


if __name__ == "__main__":
    main(*sizes(sys.argv[1:]))
