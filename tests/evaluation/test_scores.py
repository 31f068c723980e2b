import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attn2seq.errors import UserError
from attn2seq.evaluation.scores import (
    asked_measures,
    evaluate,
    exact_match,
    probability_measures,
    score_split,
)
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.texts import CorpusFacts, SplitTexts
from attn2seq.metrics import METRICS

SETTINGS = EvaluateSettings(bootstrap_samples=200, seed=12345)
MakeSplit = Callable[..., SplitTexts]


def facts(*metrics: str) -> CorpusFacts:
    return CorpusFacts("en", "13a", metrics)


def test_perplexity_by_hand(make_split: MakeSplit) -> None:
    # 9 ln 2 nats over 3 tokens are 3 bits a token, 8 ways to go on; over 6 characters 1.5 bits.
    split = make_split(
        ["", ""], [["abcd"], ["ef"]], nats=[8 * math.log(2), math.log(2)], tokens=[1, 2]
    )
    found = probability_measures(split)
    assert found["perplexity"].score() == pytest.approx(8.0)
    assert found["bits_per_character"].score() == pytest.approx(1.5)


def test_perplexity_of_a_model_gone_astray_is_a_number(make_split: MakeSplit) -> None:
    split = make_split(["a"], [["a"]], nats=[1e6], tokens=[1])
    assert math.isfinite(probability_measures(split)["perplexity"].score())


def test_word_error_rate_takes_any_pronunciation(make_split: MakeSplit) -> None:
    # The first word has two pronunciations and hits the second; the other three are wrong.
    references = [["T AH M EY T OW", "T AH M AA T OW"], ["K AE T"], ["D AO G"], ["M AE N"]]
    hypotheses = ["T AH M AA T OW", "K AH T", "", "M AE N Z"]
    found = asked_measures(make_split(hypotheses, references), facts("word_error_rate", "accuracy"))
    assert found["word_error_rate"].score() == 75.0
    assert found["accuracy"].score() == 25.0


def test_exact_match_collapses_space_but_not_case(make_split: MakeSplit) -> None:
    split = make_split([" a  b ", "A b"], [["a b"], ["a b"]])
    assert exact_match(split).score() == 50.0


def test_a_corpus_gets_what_it_asks_for_and_no_more(make_split: MakeSplit) -> None:
    split = make_split(["a"], [["a"]])
    assert asked_measures(split, facts()) == {}
    on_request = [name for name, metric in METRICS.items() if metric.on_request]
    assert list(asked_measures(split, facts(*on_request))) == on_request


def test_unknown_metric_of_a_corpus(make_split: MakeSplit) -> None:
    with pytest.raises(UserError, match=r"metric 'acuracy' .*did you mean accuracy\?"):
        asked_measures(make_split(["a"], [["a"]]), facts("acuracy"))


def test_all_metrics_with_intervals_that_hold_them(make_split: MakeSplit) -> None:
    references = [[f"the {name} dog runs to house {name}"] for name in "abcdefghij"]
    hypotheses = [texts[0].replace("dog", "cat") if i % 2 else texts[0]
                  for i, texts in enumerate(references)]  # fmt: skip
    split = make_split(hypotheses, references, nats=[1.0 + i for i in range(10)], tokens=[8] * 10)
    found = score_split(split, CorpusFacts("en", "13a", ("accuracy",)), SETTINGS)
    usual = {name for name, metric in METRICS.items() if not metric.on_request}
    assert set(found.metrics) == usual | {"accuracy"}
    assert found.metrics["exact_match"] == 50.0
    for name, score in found.metrics.items():
        row = found.signatures[name]
        assert row["low"] <= score <= row["high"], name
        assert row["signature"]
    again = score_split(split, CorpusFacts("en", "13a", ("accuracy",)), SETTINGS)
    assert again.signatures == found.signatures


def test_intervals_follow_from_the_number_of_samples_and_the_seed(make_split: MakeSplit) -> None:
    """And the signatures of sacreBLEU's metrics name both, as sacreBLEU does."""
    references = [[f"the {name} dog runs to house {name}"] for name in "abcdefghij"]
    hypotheses = [texts[0].replace("dog", "cat") if i % 2 else texts[0]
                  for i, texts in enumerate(references)]  # fmt: skip
    split = make_split(hypotheses, references, nats=[1.0 + i for i in range(10)], tokens=[8] * 10)
    found = {
        (samples, seed): score_split(
            split, facts(), EvaluateSettings(bootstrap_samples=samples, seed=seed)
        )
        for samples, seed in ((200, 1), (200, 2), (300, 1))
    }
    intervals = []
    for (samples, seed), scores in found.items():
        for name in ("bleu", "chrf", "ter"):
            signature = scores.signatures[name]["signature"]
            assert f"bs:{samples}|seed:{seed}|" in signature
        row = scores.signatures["perplexity"]
        intervals.append((row["low"], row["high"]))
    assert len(set(intervals)) == 3
    measure = found[200, 1].measures["perplexity"]
    assert intervals[0] == pytest.approx(measure.interval(200, 1), abs=1e-4)
    metrics = [scores.metrics for scores in found.values()]
    assert metrics[0] == metrics[1] == metrics[2]


def test_rows_of_sentences(make_split: MakeSplit) -> None:
    split = make_split(
        ["Ein Hund.", ""], [["Ein Hund."], ["Ja, gern."]], sources=["A dog.", "Yes, gladly."]
    )
    rows = score_split(split, CorpusFacts("en", "13a", ()), SETTINGS).sentences
    assert list(rows["line"]) == [0, 1]
    assert list(rows["exact_match"]) == [True, False]
    assert list(rows["bleu"]) == [100.0, 0.0]
    assert list(rows["hypothesis_words"]) == [2, 0]
    assert list(rows["src_words"]) == [2, 2]


FULL = {"rouge1": 100.0, "rouge2": 100.0, "rougeL": 100.0}


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    prepared, decoded = tmp_path / "prepared", tmp_path / "decode"
    prepared.mkdir()
    facts = {
        "tgt_lang": "de",
        "bleu_tokenizer": "13a",
        "metrics": ["accuracy"],
        "task": "summarisation",
    }
    (prepared / "corpus.json").write_text(json.dumps(facts))
    for split, size in (("train", 8), ("dev", 3), ("test", 4)):
        texts = [f"line {place} of {split}" for place in range(size)]
        pd.DataFrame({"src": texts, "tgt": texts}).to_parquet(prepared / f"{split}.parquet")
        folder = decoded / split
        folder.mkdir(parents=True)
        (folder / "hypotheses.txt").write_text("\n".join([*texts[:-1], "wrong"]) + "\n")
        pd.DataFrame({"nats": [1.0] * size, "tokens": [2] * size}).to_parquet(
            folder / "reference_nats.parquet"
        )
    return prepared, decoded


def test_writes_the_same_bytes_twice(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    metrics = evaluate(*inputs, first, SETTINGS)
    evaluate(*inputs, second, SETTINGS)
    names = sorted(path.name for path in first.iterdir())
    assert names == ["analysis.json", "metrics.json", "sentences.parquet", "signatures.json"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert json.loads((first / "metrics.json").read_text()) == metrics
    assert metrics["test"]["accuracy"] == 75.0
    assert metrics["dev"]["exact_match"] == pytest.approx(66.6667)
    # Sources and references are the same lines.
    lead = json.loads((first / "analysis.json").read_text())["test"]["lead"]
    assert (lead["words"], lead["best"], lead["mean"]) == (4, FULL, FULL)


def test_sentences_of_both_splits(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    evaluate(*inputs, tmp_path / "out", SETTINGS)
    rows = pd.read_parquet(tmp_path / "out" / "sentences.parquet")
    assert list(rows["split"]) == ["dev"] * 3 + ["test"] * 4
    assert list(rows["line"]) == [0, 1, 2, 0, 1, 2, 3]
    needed = {"src", "hypothesis", "reference", "bleu", "chrf", "exact_match", "nats", "tokens"}
    assert needed <= set(rows)


def test_nothing_decoded_yet(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    (inputs[1] / "dev" / "hypotheses.txt").unlink()
    with pytest.raises(UserError, match=r"dev/hypotheses.txt is missing"):
        evaluate(*inputs, tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out" / "metrics.json").exists()
