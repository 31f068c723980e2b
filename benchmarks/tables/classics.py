"""The tables of docs/results.md: every classic recipe, and what attention gives.

    CORPUS_MIRROR=../shared/corpora python -m benchmarks.tables.classics [TABLE ...]

The tables are `kinds` (kinds of attention, three seeds each), `recipes` and `multi30k`; without a
name all of them. Finished runs are read back and an interrupted one goes on, so that the command
can be stopped and given again. Every run of a table sees equally many sentence pairs. Tokens a
second are those of one thread beside another run.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attn2seq.evaluation.significance import bootstrap_p
from attn2seq.evaluation.surface import surface_measures
from attn2seq.whole import whole_file
from benchmarks.tables.runs import (
    ONE_THREAD,
    ROOT,
    Changes,
    Run,
    finish,
    finished,
    merged,
    params_of,
    sentences,
)

RESULTS = ROOT / "docs" / "results.md"
PHRASEBOOK, MULTI30K = "phrasebook-en-de", "multi30k-en-de"
SEEDS = (1, 2, 3)
KINDS = ("none", "location", "dot", "general", "additive", "multi_head")
RECIPES = (
    *("sutskever-2014", "cho-2014", "bahdanau-2015", "luong-2015-dot", "luong-2015-general"),
    *("luong-2015-concat", "luong-2015-location", "luong-2015-input-feeding", "gnmt-v2"),
    *("pointer-generator", "s0-keras-dot", "s1-subwords", "s1-characters", "s2-alignment"),
    *("s3-characters", "s4-location"),
)
# Passes over the pairs, the same for all rows of a table.
EPOCHS = {"kinds": 4, "recipes": 4, "multi30k": 8}
SAMPLES, SEED = 1000, 12345


def equal_terms(recipe_model: dict[str, object]) -> Changes:
    """The corpus, the sizes and the number of pairs that all rows of the recipes' table share."""
    one_way = recipe_model["bidirectional"] in ("none", "first")
    return {
        "download": {"corpus": PHRASEBOOK},
        "prepare": {"limit_train_pairs": 0, "dev_share": 0.0},
        "tokenize": {"character_coverage": 1.0},
        "model": {
            "embedding_size": 256,
            "encoder_hidden_size": 256 if one_way else 128,
            "decoder_hidden_size": 256,
            "attention_size": 256,
            "readout_size": 256 if recipe_model["readout_size"] else 0,
        },
        "train": {"max_epochs": EPOCHS["recipes"], "max_tokens": 120, "patience": 0},
    }


def attention_run(kind: str, seed: int) -> Run:
    """The default model with another attention."""
    train = {"seed": seed, "max_epochs": EPOCHS["kinds"]}
    changes: Changes = {"model": {"attention": kind}, "train": train}
    return Run(f"kinds-{kind}-{seed}", PHRASEBOOK, merged(ONE_THREAD, changes))


def recipe_run(name: str) -> Run:
    """A recipe on equal terms."""
    model = params_of(Run(name, name, {}))["model"]
    return Run(f"recipes-{name}", name, merged(ONE_THREAD, equal_terms(model)))


def multi30k_run(kind: str) -> Run:
    """The recipe of Multi30k with another attention."""
    changes: Changes = {"model": {"attention": kind}, "train": {"max_epochs": EPOCHS["multi30k"]}}
    return Run(f"multi30k-{kind}", MULTI30K, merged(ONE_THREAD, changes))


def kinds_table() -> list[str]:
    """Kinds of attention over seeds, and a test of none against each other kind."""
    finish(attention_run(kind, seed) for kind in KINDS for seed in SEEDS)
    found = {kind: [finished(attention_run(kind, seed)) for seed in SEEDS] for kind in KINDS}
    lines = [
        f"| attention | dev BLEU | test BLEU of seeds {', '.join(map(str, SEEDS))} | "
        "mean ± standard deviation | tokens/s | parameters |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for kind, results in found.items():
        dev, test = ([getattr(result, split) for result in results] for split in ("dev", "test"))
        each = ", ".join(f"{score:.2f}" for score in test)
        spread = f"{statistics.mean(test):.2f} ± {statistics.stdev(test):.2f}"
        rate = statistics.median(result.tokens_per_second for result in results)
        parameters = f"{results[0].parameters:,}"
        lines.append(
            f"| {kind} | {statistics.mean(dev):.2f} | {each} | {spread} | {rate:,.0f} | "
            f"{parameters} |"
        )
    worst = max(
        no_attention_p(kind, seed) for kind in KINDS if kind not in ("none", "location")
        for seed in SEEDS
    )  # fmt: skip
    lower = all(
        found["none"][place].test < found[kind][place].test
        for kind in KINDS
        if kind not in ("none", "location")
        for place in range(len(SEEDS))
    )
    said = "is lower" if lower else "is NOT lower"
    return [
        *lines,
        "",
        f"No attention {said} than dot, general, additive and multi_head with every seed; the "
        f"largest p of the {len(SEEDS) * 4} paired bootstrap tests ({SAMPLES:,} samples) is "
        f"{worst:.4f}.",
    ]


def no_attention_p(kind: str, seed: int) -> float:
    """The p value of the difference in test BLEU between no attention and a kind of it."""
    measures = []
    for name in ("none", kind):
        rows = sentences(attention_run(name, seed), "test")
        references = [[text] for text in rows["reference"]]
        measures.append(
            surface_measures(rows["hypothesis"].tolist(), references, "13a", SAMPLES, SEED)["bleu"]
        )
    return bootstrap_p(measures[0], measures[1], SAMPLES, SEED)


def rows_table(names: Sequence[str], run_of: Callable[[str], Run], heading: str) -> list[str]:
    """A row a run."""
    finish(run_of(name) for name in names)
    lines = [
        f"| {heading} | dev BLEU | test BLEU | tokens/s | parameters | steps |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        result = finished(run_of(name))
        lines.append(
            f"| {name} | {result.dev:.2f} | {result.test:.2f} | {result.tokens_per_second:,.0f} | "
            f"{result.parameters:,} | {result.steps:,} |"
        )
    return lines


def write_table(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put the lines between the marks of that name, or at the end where there are none."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- table {name} -->\n", f"<!-- end of table {name} -->"
    if begin not in text:
        text += f"\n## Table: {name}\n\n{begin}{end}\n"
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    with whole_file(path) as beside:
        beside.write_text(before + begin + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


TABLES: dict[str, Callable[[], list[str]]] = {
    "kinds": kinds_table,
    "recipes": lambda: rows_table(RECIPES, recipe_run, "recipe"),
    "multi30k": lambda: rows_table(
        ("none", "general", "additive", "multi_head"), multi30k_run, "attention"
    ),
}


def main(names: Sequence[str]) -> None:
    for name in names or TABLES:
        lines = TABLES[name]()
        print("\n".join(lines), flush=True)
        write_table(RESULTS, name, lines)


if __name__ == "__main__":
    main(sys.argv[1:])
