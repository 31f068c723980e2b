"""Does a technique help? Each one alone, against the same run without it.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.tables.techniques [NAME ...]

The base is the default model on 6,000 pairs of the phrasebook, few enough for a model to learn them
by heart, in as many optimizer steps as a pass over all of them four times. Rows on another corpus
name it. Scores are BLEU, or exact match where a corpus is scored by it.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables.classics import RESULTS, write_table
from benchmarks.tables.runs import Result, Run, finished

SMALL: dict[str, dict[str, Any]] = {
    "prepare": {"limit_train_pairs": 6000},
    "train": {"max_epochs": 16, "warmup_steps": 100, "evaluate_every_steps": 100},
}
DEEP: dict[str, dict[str, Any]] = {"model": {"encoder_layers": 3, "decoder_layers": 3}}
BPE: dict[str, dict[str, Any]] = {"tokenize": {"model_type": "bpe"}}
JOINT: dict[str, dict[str, Any]] = {
    "tokenize": {"joint_vocabulary": True, "tgt_model_type": "same", "tgt_vocabulary_size": 0}
}
ATIS = "atis-lambda"

# By name: what the row and its base share, what the row has besides, and the recipe.
ROWS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    name: (*row, "phrasebook-en-de")
    for name, row in {
        "layer_norm_lstm": ({}, {"model": {"cell": "layer_norm_lstm"}}),
        "lrn": ({}, {"model": {"cell": "lrn"}}),
        "residual, three layers": (DEEP, {"model": {"residual": True}}),
        "normalised_additive": ({}, {"model": {"attention": "normalised_additive"}}),
        "multi_head": ({}, {"model": {"attention": "multi_head"}}),
        "coverage": ({}, {"model": {"coverage": True}}),
        "copying": ({}, {"model": {"copying": True}}),
        "input_feeding": ({}, {"model": {"input_feeding": True}}),
        "ties over both sides": ({"model": {"tie_embeddings": "none"}},
                                 {"model": {"tie_embeddings": "all"}}),
        "variational_dropout": ({}, {"model": {"variational_dropout": True}}),
        "src_word_dropout 0.1": ({}, {"train": {"src_word_dropout": 0.1}}),
        "tgt_word_dropout 0.1": ({}, {"train": {"tgt_word_dropout": 0.1}}),
        "label_smoothing 0.1": ({"train": {"label_smoothing": 0.0}},
                                {"train": {"label_smoothing": 0.1}}),
        "weight_decay 1e-5": ({}, {"train": {"weight_decay": 1e-5}}),
        "adamw, weight_decay 0.01": ({}, {"train": {"optimizer": "adamw", "weight_decay": 0.01}}),
        "l1_penalty 1e-6": ({}, {"train": {"l1_penalty": 1e-6}}),
        "r_drop 1": ({}, {"train": {"r_drop": 1.0}}),
        "scheduled_sampling 0.2": ({}, {"train": {"scheduled_sampling": 0.2,
                                                  "scheduled_sampling_steps": 800}}),
        "ema_decay 0.999": ({}, {"train": {"ema_decay": 0.999}}),
        "average of the last 4": ({}, {"train": {"average_checkpoints": 4,
                                                 "average_of": "last"}}),
        "average of the best 4": ({}, {"train": {"average_checkpoints": 4}}),
        "subword_nbest 8": ({}, {"train": {"subword_nbest": 8}}),
        "bpe_dropout 0.1": (BPE, {"train": {"bpe_dropout": 0.1}}),
        "coverage_penalty 0.2": ({}, {"decode": {"coverage_penalty": 0.2}}),
        "mbr chrf": ({"decode": {"beam_size": 20}}, {"decode": {"mbr": "chrf"}}),
        "mbr bleu": ({"decode": {"beam_size": 20}}, {"decode": {"mbr": "bleu"}}),
    }.items()
} | {
    "copying, atis-lambda": (JOINT, {"model": {"copying": True}}, ATIS),
    "ema_decay 0.999, atis-lambda": ({}, {"train": {"ema_decay": 0.999}}, ATIS),
}  # fmt: skip


def results(name: str) -> tuple[Result, Result]:
    """The base's and the row's."""
    shared, own, recipe = ROWS[name]
    small = SMALL if recipe != ATIS else {}
    metric = "bleu" if recipe != ATIS else "exact_match"
    base, row = merged(small, shared), merged(small, shared, own)
    folder = "".join(letter if letter.isalnum() else "-" for letter in name)
    bases = Run(f"techniques-base-{_base_name(shared, recipe)}", recipe, base)
    return finished(bases, metric), finished(Run(f"techniques-{folder}", recipe, row), metric)


def _base_name(shared: Mapping[str, Any], recipe: str) -> str:
    """Rows that share their base share its run."""
    keys = [f"{key}-{value}" for part in shared.values() for key, value in part.items()]
    return "-".join([recipe, *keys])


def merged(*parts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Changes to params, the later ones over the earlier."""
    values: dict[str, dict[str, Any]] = {}
    for part in parts:
        for section, changes in part.items():
            values[section] = values.get(section, {}) | dict(changes)
    return values


def main(names: Sequence[str]) -> None:
    lines = [
        "| technique | dev without | dev with | test without | test with | tokens/s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in names or ROWS:
        base, row = results(name)
        lines.append(
            f"| {name} | {base.dev:.2f} | {row.dev:.2f} | {base.test:.2f} | {row.test:.2f} | "
            f"{row.tokens_per_second / base.tokens_per_second:.0%} |"
        )
        print(lines[-1], flush=True)
    if not names:
        write_table(RESULTS, "techniques", lines)


if __name__ == "__main__":
    main(sys.argv[1:])
