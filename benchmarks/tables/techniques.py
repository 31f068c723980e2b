"""Does a technique help? Each one alone, against the same run without it.

The base is the default model on so few pairs of the phrasebook that it learns them by heart, in a
third of the optimizer steps of the default run. Rows on another corpus name it. Scores are BLEU, or
what a corpus is scored by otherwise. How far seeds alone change them stands below.
"""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attn2seq.cli.results import RecordedTable
from benchmarks import r1
from benchmarks.tables.runs import ONE_THREAD, Changes, Run, finish, finished, merged, recorded
from benchmarks.tables.word_vectors import WIDTH, tatoeba_vectors

PHRASEBOOK, MULTI30K = "phrasebook-en-de", "multi30k-en-de"
ATIS, SST2 = "atis-lambda", "sst2"
METRIC = {PHRASEBOOK: "bleu", MULTI30K: "bleu", ATIS: "exact_match", SST2: "accuracy"}
FEW: Changes = {
    "prepare": {"limit_train_pairs": 1500},
    "train": {"max_epochs": 40, "warmup_steps": 100, "evaluate_every_steps": 100, "seed": 1},
}
TWELVE: Changes = {"train": {"max_epochs": 12}}
DEEP: Changes = {"model": {"encoder_layers": 3, "decoder_layers": 3}}
BPE: Changes = {"tokenize": {"model_type": "bpe"}}
CONSTANT: Changes = {"train": {"schedule": "constant", "evaluate_every_steps": 50}}
SMALL_BATCHES: Changes = {"train": {"batch_tokens": 800}}  # three times the optimizer steps
CONSTANT_SMALL = merged(CONSTANT, SMALL_BATCHES)
VECTORS: Changes = {
    "model": {"embedding_size": WIDTH, "readout_size": WIDTH, "tie_embeddings": "target"}
}
NO_TIES: Changes = {"model": {"embedding_size": WIDTH, "tie_embeddings": "none"}}
TWENTY: Changes = {"decode": {"beam_size": 20}}
SEEDS = (1, 2, 3)
COLUMNS = {
    "dev without": ".2f", "dev with": ".2f", "test without": ".2f", "test with": ".2f",
    "tokens/s": ".0%",
}  # fmt: skip
# Of captions, for what only decoding changes: R1 with fewer units, stopped early.
CAPTIONS = Run(
    "techniques-captions",
    MULTI30K,
    merged(
        r1.CHANGES,
        {
            "model": {"attention_size": 256, "readout_size": 256, "tie_embeddings": "all"},
            "train": {"max_steps": 1500},
        },
    ),
)


@dataclass(frozen=True)
class Row:
    """A technique, and the base that it is measured against."""

    own: Changes  # of the technique
    shared: Changes = field(default_factory=dict)
    without: Changes = field(default_factory=dict)  # of the base, where the default has it
    size: Changes = field(default_factory=lambda: FEW)
    recipe: str = PHRASEBOOK
    metric: str = ""  # where it is not the corpus's own
    vectors: bool = False  # the source's embeddings start from benchmarks/tables/word_vectors.py


def train(**values: Any) -> dict[str, dict[str, Any]]:
    return {"train": values}


def model(**values: Any) -> dict[str, dict[str, Any]]:
    return {"model": values}


def decode(**values: Any) -> dict[str, dict[str, Any]]:
    return {"decode": values}


def seed_name(seed: int) -> str:
    return f"techniques-seed-{seed}"


ROWS: dict[str, Row] = {
    "layer_norm_lstm": Row(model(cell="layer_norm_lstm")),
    "lrn": Row(model(cell="lrn")),
    "residual, three layers": Row(model(residual=True), DEEP),
    "normalised_additive": Row(model(attention="normalised_additive")),
    "multi_head": Row(model(attention="multi_head")),
    "coverage, coverage_loss 0": Row(model(coverage=True) | train(coverage_loss=0.0)),
    "coverage, coverage_loss 0.1": Row(model(coverage=True) | train(coverage_loss=0.1)),
    "copying": Row(model(copying=True)),
    "input_feeding": Row(model(input_feeding=True)),
    "ties over both sides": Row({}, without=model(tie_embeddings="none")),
    "variational_dropout": Row(model(variational_dropout=True)),
    "src_word_dropout 0.1": Row(train(src_word_dropout=0.1)),
    "src_word_dropout 0.1, sst2": Row(train(src_word_dropout=0.1), {}, {}, {}, SST2),
    "src_word_dropout 0.1, atis-lambda": Row(train(src_word_dropout=0.1), {}, {}, TWELVE, ATIS),
    "src_word_dropout 0.2, sst2": Row(train(src_word_dropout=0.2), {}, {}, {}, SST2),
    "src_word_dropout 0.1, small batches": Row(train(src_word_dropout=0.1), SMALL_BATCHES),
    "label_smoothing 0.1": Row({}, without=train(label_smoothing=0.0)),
    "weight_decay 1e-5": Row(train(weight_decay=1e-5)),
    "weight_decay 1e-5, atis-lambda": Row(train(weight_decay=1e-5), {}, {}, TWELVE, ATIS),
    "weight_decay 1e-4, sst2": Row(train(weight_decay=1e-4), {}, {}, {}, SST2),
    "weight_decay 1e-5, small batches": Row(train(weight_decay=1e-5), SMALL_BATCHES),
    "adamw, weight_decay 0.01": Row(train(optimizer="adamw", weight_decay=0.01)),
    "r_drop 1": Row(train(r_drop=1.0)),
    "scheduled_sampling 0.2": Row(train(scheduled_sampling=0.2, scheduled_sampling_steps=400)),
    "subword_nbest 8": Row(train(subword_nbest=8)),
    "bpe_dropout 0.1": Row(train(bpe_dropout=0.1), BPE),
    "bpe_dropout 0.1, sst2": Row(train(bpe_dropout=0.1), BPE, {}, {}, SST2),
    "ema_decay 0.98, constant": Row(train(ema_decay=0.98), CONSTANT),
    "ema_decay 0.99, constant, small batches": Row(train(ema_decay=0.99), CONSTANT_SMALL),
    "average of the last 4, constant": Row(
        train(average_checkpoints=4, average_of="last"), CONSTANT
    ),
    "average of the best 4, constant": Row(train(average_checkpoints=4), CONSTANT),
    "average of the last 4, constant, small batches": Row(
        train(average_checkpoints=4, average_of="last"), CONSTANT_SMALL
    ),
    "average of the best 4, constant, small batches": Row(
        train(average_checkpoints=4), CONSTANT_SMALL
    ),
    "beam of 5": Row({}, without=decode(beam_size=1)),
    "length_normalisation wu": Row({}, without=decode(length_normalisation="none")),
    "length_normalisation average": Row(decode(length_normalisation="average"),
                                        without=decode(length_normalisation="none")),
    "coverage_penalty 0.2": Row(decode(coverage_penalty=0.2)),
    "mbr chrf": Row(decode(mbr="chrf"), TWENTY),
    "mbr chrf, by chrF": Row(decode(mbr="chrf"), TWENTY, metric="chrf"),
    "mbr chrf, multi30k-en-de, by chrF": Row(
        decode(mbr="chrf"), TWENTY, {}, CAPTIONS.changes, MULTI30K, "chrf"
    ),
    "mbr bleu": Row(decode(mbr="bleu"), TWENTY),
    "ensemble of two": Row(decode(ensemble=[seed_name(2)])),
    "ensemble of three": Row(decode(ensemble=[seed_name(2), seed_name(3)])),
    "word vectors": Row({}, VECTORS, vectors=True),
    "word vectors, frozen": Row(model(freeze_embeddings=True), NO_TIES, vectors=True),
}  # fmt: skip


def runs(name: str) -> tuple[Run, Run]:
    """The base's and the row's. Rows that share their base share its run."""
    row = ROWS[name]
    both = merged(row.size, ONE_THREAD, row.shared)
    base, changes = merged(both, row.without), merged(both, row.own)
    local: tuple[Path, ...] = ()
    if row.vectors:
        local = (tatoeba_vectors(),)
        changes = merged(changes, {"download": {"src_vectors": local[0].name}})
    folder = "".join(letter if letter.isalnum() else "-" for letter in name)
    differing = merged(row.shared, row.without)
    named = [f"{key}-{value}" for part in differing.values() for key, value in part.items()]
    metric = row.metric or METRIC[row.recipe]
    base_folder = "-".join(["techniques-base", row.recipe, *named, *filter(None, [row.metric])])
    weights, base_weights = weights_of(row.recipe, changes), weights_of(row.recipe, base)
    return (
        Run(base_folder, row.recipe, base, metric, base_weights),
        Run(f"techniques-{folder}", row.recipe, changes, metric, weights, local),
    )


def weights_of(recipe: str, changes: Changes) -> tuple[Run, ...]:
    """Trained runs that differ in decoding and threads alone, and an ensemble's further ones."""
    seeds = [seed_run(seed) for seed in SEEDS]
    for first in (seeds[0], CAPTIONS):
        if recipe == first.recipe and trained_with(changes) == trained_with(first.changes):
            further = changes["decode"].get("ensemble", [])
            return (first, *(one for one in seeds if one.name in further))
    return ()


def trained_with(changes: Changes) -> Changes:
    return {**merged(changes, ONE_THREAD), "decode": {}}


def seed_run(seed: int) -> Run:
    """The base from another seed."""
    return Run(seed_name(seed), PHRASEBOOK, merged(FEW, ONE_THREAD, train(seed=seed)))


def decoded(seed: int) -> Run:
    """What the base from that seed makes of dev and test."""
    one = seed_run(seed)
    return Run(f"techniques-decoded-{seed}", PHRASEBOOK, one.changes, "bleu", (one,))


def techniques_table() -> RecordedTable:
    """A row for each technique, and the spread of seeds."""
    seeds = [decoded(seed) for seed in SEEDS]
    finish([*(run for name in ROWS for run in runs(name)), *seeds])
    rows = []
    for name in ROWS:
        base_run, run = runs(name)
        base, row = finished(base_run), finished(run)
        values = {
            "dev without": base.dev,
            "dev with": row.dev,
            "test without": base.test,
            "test with": row.test,
            "tokens/s": row.tokens_per_second / base.tokens_per_second,
        }
        rows.append(recorded(name, [run], values, beside=base_run))
    scores = [finished(run) for run in seeds]
    spread = statistics.stdev(result.dev for result in scores)
    each = ", ".join(f"{result.dev:.2f}" for result in scores)
    note = f"Dev BLEU of the base from seeds 1, 2 and 3: {each} (deviation {spread:.2f})."
    return RecordedTable(heading="technique", columns=COLUMNS, rows=rows, notes=[note])
