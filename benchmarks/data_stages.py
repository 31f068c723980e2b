"""Time and memory of prepare and tokenize, for each pair more.

    PYTHONPATH=src python -m benchmarks.data_stages [FEW MANY] [--repeats REPEATS]

Runs the two stages on corpora of 30,000 and of 1,000,000 made-up pairs (or of FEW and MANY, such as
10,000,000), in processes of their own. The difference of the two, divided by the difference in
pairs, leaves out start-up, and the learning of the vocabulary, which looks at equally many lines in
both. Time is set beside what sentencepiece alone needs to encode the same lines; memory is the peak
of the process (there are no others). Of each the median of three runs, or of REPEATS.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import sentencepiece as spm
from ruamel.yaml import YAML

from benchmarks.machine import ROOT
from benchmarks.tables.runs import STAGES

FEW, MANY = 30_000, 1_000_000
REPEATS = 3
LEARN_FROM_LINES = 10_000
BATCH_LINES = 20_000
MEASURED = ("prepare", "tokenize_corpus")
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
    peak_bytes: float


def main(few: int, many: int, repeats: int) -> None:
    costs: dict[str, dict[int, Cost]] = {stage: {} for stage in MEASURED}
    with tempfile.TemporaryDirectory() as name:
        for pairs in (few, many):
            place = Path(name) / str(pairs)
            make_corpus(place, pairs)
            for stage in STAGES[: STAGES.index(MEASURED[0])]:
                run(place, stage)
            for stage in MEASURED:
                costs[stage][pairs] = median([run(place, stage) for _ in range(repeats)])
        encoding = statistics.median(encoding_seconds(place) for _ in range(repeats)) / many
    more = many - few
    runs = f"medians of {repeats} runs" if repeats > 1 else "one run"
    print(f"{few:,} and {many:,} pairs, {runs}; for each pair more:")
    print(f"{'':12}{'microseconds':>14}{'bytes':>8}")
    seconds = 0.0
    for stage, of_pairs in costs.items():
        each = (of_pairs[many].seconds - of_pairs[few].seconds) / more
        memory = (of_pairs[many].peak_bytes - of_pairs[few].peak_bytes) / more
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


def median(costs: list[Cost]) -> Cost:
    """Of time and of memory."""
    seconds, peaks = ([getattr(cost, name) for cost in costs] for name in ("seconds", "peak_bytes"))
    return Cost(statistics.median(seconds), statistics.median(peaks))


def encoding_seconds(place: Path) -> float:
    """What sentencepiece needs for all lines of train, texts and ids in memory, on all cores."""
    data, seconds = place / "data", 0.0
    for side in ("src", "tgt"):
        model = str(data / "tokenized" / f"{side}.model")
        processor = spm.SentencePieceProcessor(model_file=model)
        file = pq.ParquetFile(data / "prepared" / "train.parquet")
        for batch in file.iter_batches(BATCH_LINES, columns=[side]):
            texts = batch[side].to_pylist()
            started = time.perf_counter()
            processor.encode(texts, num_threads=-1)
            seconds += time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time and memory of prepare and tokenize.")
    parser.add_argument("few", nargs="?", type=int, default=FEW, help=f"pairs; {FEW:,}")
    parser.add_argument("many", nargs="?", type=int, default=MANY, help=f"pairs; {MANY:,}")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"of each run; {REPEATS}")
    options = parser.parse_args()
    main(options.few, options.many, options.repeats)
