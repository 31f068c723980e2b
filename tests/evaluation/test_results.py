import json
from pathlib import Path

import pandas as pd
import pytest

from attn2seq.errors import UserError
from attn2seq.evaluation.results import evaluate
from attn2seq.evaluation.settings import EvaluateSettings

SETTINGS = EvaluateSettings(bootstrap_samples=100, seed=12345)


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    prepared, decoded = tmp_path / "prepared", tmp_path / "decode"
    prepared.mkdir()
    facts = {"tgt_lang": "de", "bleu_tokenizer": "13a", "metrics": ["accuracy"]}
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
