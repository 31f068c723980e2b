"""The tables of every classic recipe, of what attention gives, and of the fast number type.

Every run of a table sees equally many sentence pairs. Tokens a second are those of one thread,
beside another run.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attn2seq.cli.results import RecordedTable, Value
from attn2seq.evaluation.significance import bootstrap_p
from attn2seq.evaluation.surface import surface_measures
from benchmarks import r1
from benchmarks.tables.runs import (
    ONE_THREAD,
    Changes,
    Run,
    finish,
    finished,
    merged,
    params_of,
    recorded,
    sentences,
)

PHRASEBOOK, MULTI30K = "phrasebook-en-de", "multi30k-en-de"
SEEDS = (1, 2, 3)
NUMBER_TYPES = ("float32", "bfloat16")
KINDS = ("none", "location", "dot", "general", "additive", "multi_head")
RECIPES = (
    *("sutskever-2014", "cho-2014", "bahdanau-2015", "luong-2015-dot", "luong-2015-general"),
    *("luong-2015-concat", "luong-2015-location", "luong-2015-input-feeding", "gnmt-v2"),
    *("pointer-generator", "s0-keras-dot", "s1-subwords", "s1-characters", "s2-alignment"),
    *("s3-characters", "s4-location", "vaswani-2017", "chen-2018"),
)
# Passes over the pairs, the same for all rows of a table.
EPOCHS = {"kinds": 4, "recipes": 8, "multi30k": 3}
R1_STEPS = {"number_types": 1350, "batches": 3600}  # three and eight passes
R1_WARM_UP, R1_RATE = 500, 0.002
BATCHES = (64, 256)
SAMPLES, SEED = 1000, 12345


def equal_terms(recipe: Mapping[str, Mapping[str, Any]]) -> Changes:
    """The corpus, the sizes and the number of pairs that all rows of the recipes' table share."""
    model = recipe["model"]
    one_way = model["encoder"] == "transformer" or model["bidirectional"] in ("none", "first")
    tokenize: dict[str, Any] = {"character_coverage": 1.0}
    if recipe["tokenize"]["model_type"] == "unigram" and not recipe["tokenize"]["joint_vocabulary"]:
        # The English side has few pieces.
        tokenize |= {"vocabulary_size": 1500, "tgt_vocabulary_size": 0}
    return {
        "download": {"corpus": PHRASEBOOK},
        "prepare": {"limit_train_pairs": 0, "dev_share": 0.0},
        "tokenize": tokenize,
        "model": {
            "embedding_size": 256,
            "encoder_hidden_size": 256 if one_way else 128,
            "decoder_hidden_size": 256,
            "attention_size": 256,
            "readout_size": 256 if recipe["model"]["readout_size"] else 0,
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
    recipe = params_of(Run(name, name, {}))
    return Run(f"recipes-{name}", name, merged(ONE_THREAD, equal_terms(recipe)))


def own_terms_run(name: str) -> Run:
    """A recipe as it says."""
    return Run(f"classics-{name}", name, ONE_THREAD)


def multi30k_run(kind: str) -> Run:
    """The recipe of Multi30k with another attention."""
    changes: Changes = {"model": {"attention": kind}, "train": {"max_epochs": EPOCHS["multi30k"]}}
    return Run(f"multi30k-{kind}", MULTI30K, merged(ONE_THREAD, changes))


def number_type_run(number_type: str, seed: int) -> Run:
    """R1, trained in that number type and decoded in float32."""
    train = {"number_type": number_type, "seed": seed, "max_steps": R1_STEPS["number_types"]}
    changes = merged(r1.CHANGES, ONE_THREAD, {"train": train})
    return Run(f"number-types-{number_type}-{seed}", MULTI30K, changes)


def batch_run(sentences: int, seed: int) -> Run:
    """R1 in batches of so many sentences: as many pairs, the rate by the root of the batch's size.

    That keeps the gradient's noise what it was (Krizhevsky 2014, arXiv 1404.5997).
    """
    times = sentences / BATCHES[0]
    train = {
        "seed": seed,
        "batch_sentences": sentences,
        "max_steps": round(R1_STEPS["batches"] / times),
        "warmup_steps": round(R1_WARM_UP / times),
        "learning_rate": R1_RATE * times**0.5,
    }
    changes = merged(r1.CHANGES, ONE_THREAD, {"train": train})
    return Run(f"batches-{sentences}-{seed}", MULTI30K, changes)


def kinds_table() -> RecordedTable:
    """Kinds of attention over seeds, and a test of none against each other kind."""
    runs = {kind: [attention_run(kind, seed) for seed in SEEDS] for kind in KINDS}
    finish(run for of_kind in runs.values() for run in of_kind)
    aware = [kind for kind in KINDS if kind not in ("none", "location")]
    worst = max(no_attention_p(kind, seed) for kind in aware for seed in SEEDS)
    none = [finished(run).test for run in runs["none"]]
    lower = all(
        one < finished(other).test
        for kind in aware
        for one, other in zip(none, runs[kind], strict=True)
    )
    said = "is lower" if lower else "is NOT lower"
    note = (
        f"No attention {said} than dot, general, additive and multi_head with every seed; the "
        f"largest p of the {len(SEEDS) * len(aware)} paired bootstrap tests ({SAMPLES:,} samples) "
        f"is {worst:.4f}."
    )
    return seeds_table(runs, "attention", note)


def number_types_table() -> RecordedTable:
    """Whether bfloat16 costs quality."""
    return fast_beside_plain(NUMBER_TYPES, number_type_run, "number type")


def batches_table() -> RecordedTable:
    """Whether large batches cost quality."""
    return fast_beside_plain(BATCHES, batch_run, "sentences a batch")


def fast_beside_plain(
    names: Sequence[Any], run_of: Callable[[Any, int], Run], heading: str
) -> RecordedTable:
    """A row for the plain way and one for the fast, and whether the fast one loses."""
    # Side by side, so that a table that is stopped has pairs to compare.
    finish(run_of(name, seed) for seed in SEEDS for name in names)
    runs = {name: [run_of(name, seed) for seed in SEEDS] for name in names}
    plain, fast = ([finished(run).test for run in of_name] for of_name in runs.values())
    lost = statistics.mean(fast) < min(plain)
    note = (
        f"The mean of {names[1]} is {'BELOW' if lost else 'not below'} the lowest seed of "
        f"{names[0]}."
    )
    return seeds_table(runs, heading, note)


def seeds_table(runs: Mapping[Any, Sequence[Run]], heading: str, note: str) -> RecordedTable:
    """A row for each run that was made from several seeds."""
    each = f"test BLEU of seeds {', '.join(map(str, SEEDS))}"
    rows = []
    for name, of_seeds in runs.items():
        results = [finished(run) for run in of_seeds]
        tests = [result.test for result in results]
        values: dict[str, Value] = {
            "dev BLEU": round(statistics.mean(result.dev for result in results), 4),
            each: tests,
            "mean": round(statistics.mean(tests), 4),
            "standard deviation": round(statistics.stdev(tests), 4),
            "tokens/s": statistics.median(result.tokens_per_second for result in results),
            "parameters": results[0].parameters,
        }
        rows.append(recorded(str(name), of_seeds, values))
    columns = {
        "dev BLEU": ".2f", each: ".2f", "mean": ".2f", "standard deviation": ".2f",
        "tokens/s": ",.0f", "parameters": ",",
    }  # fmt: skip
    return RecordedTable(heading=heading, columns=columns, rows=rows, notes=[note])


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


def rows_table(names: Sequence[Any], run_of: Callable[[Any], Run], heading: str) -> RecordedTable:
    """A row a run."""
    finish(run_of(name) for name in names)
    rows = []
    for name in names:
        result = finished(run_of(name))
        values = {
            "dev BLEU": result.dev,
            "test BLEU": result.test,
            "tokens/s": result.tokens_per_second,
            "parameters": result.parameters,
            "steps": result.steps,
        }
        rows.append(recorded(name, [run_of(name)], values))
    columns = {
        "dev BLEU": ".2f", "test BLEU": ".2f", "tokens/s": ",.0f", "parameters": ",", "steps": ",",
    }  # fmt: skip
    return RecordedTable(heading=heading, columns=columns, rows=rows, notes=[])


TABLES: dict[str, Callable[[], RecordedTable]] = {
    "kinds": kinds_table,
    "recipes": lambda: rows_table(RECIPES, recipe_run, "recipe"),
    "classics": lambda: rows_table(RECIPES, own_terms_run, "recipe"),
    "multi30k": lambda: rows_table(
        ("none", "general", "additive", "multi_head"), multi30k_run, "attention"
    ),
    "number_types": number_types_table,
    "batches": batches_table,
}
