import base64
import json
from pathlib import Path

import numpy as np
import pytest
from fabricated_results import fabricate

from attn2seq.report import sentences as module
from attn2seq.report.page import ReportInputs
from attn2seq.report.sentences import browsed_sentences, read_attention
from attn2seq.report.settings import ReportSettings


def browse(inputs: ReportInputs, settings: ReportSettings) -> list[dict[str, object]]:
    rows, _ = browsed_sentences(
        inputs.evaluate / "sentences.parquet", inputs.decode / "test", settings
    )
    return rows


def test_the_worst_come_from_the_whole_test_set(results: ReportInputs) -> None:
    table = results.evaluate / "sentences.parquet"
    settings = ReportSettings(sentences=1, alternatives=1)
    first, worst = browsed_sentences(table, results.decode / "test", settings)
    scores = [
        row["bleu"] for row in browse(results, ReportSettings(sentences=1000, alternatives=1))
    ]
    assert (len(first), len(worst)) == (1, 10)
    assert [row["bleu"] for row in worst] == sorted(scores)[:10]
    assert all(row["alternatives"] and not row["exact"] for row in worst)


def test_rows_join_what_three_files_say(results: ReportInputs, settings: ReportSettings) -> None:
    rows = browse(results, settings)
    assert len(rows) == 1000
    third = rows[2]
    assert third["line"] == 3
    assert third["src"] == "She calls Bo at 2 o'clock ."
    lines = (results.decode / "test" / "nbest.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [other["text"] for other in json.loads(lines[2])["hypotheses"]]
    assert third["hypothesis"] == texts[0]
    assert [other["text"] for other in third["alternatives"]] == texts[1:3]  # type: ignore[attr-defined]
    assert third["attention"]["tgt"][-1] == "</s>"  # type: ignore[index]
    assert [row["line"] for row in rows if row["attention"]] == list(range(1, 21))


def test_only_the_first_sentences(results: ReportInputs) -> None:
    rows = browse(results, ReportSettings(sentences=7, alternatives=0))
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert all(row["alternatives"] == [] for row in rows)


def test_weights_come_back_from_bytes(tmp_path: Path) -> None:
    weights = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], dtype=np.float16)
    path = tmp_path / "attention.npz"
    tgt = np.array(["▁x", "y", "</s>"])
    np.savez(path, weights_4=weights, src_4=np.array(["▁a", "</s>"]), tgt_4=tgt)
    found = read_attention(path)[4]
    levels = np.frombuffer(base64.b64decode(found["weights"]), dtype=np.uint8).reshape(3, 2)
    assert np.abs(levels / 255 - weights.astype(np.float64)).max() <= 0.5 / 255
    assert found["tgt"] == ["▁x", "y", "</s>"]


def test_weights_beyond_the_budget_stay_out(
    results: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTENTION_BYTES", 600)
    kept = read_attention(results.decode / "test" / "attention.npz")
    assert list(kept) == list(range(len(kept)))
    assert 0 < len(kept) < 20
    sizes = [len(base64.b64decode(entry["weights"])) for entry in kept.values()]
    assert sum(sizes) <= 600


def test_a_model_without_attention(folder: Path, settings: ReportSettings) -> None:
    inputs = fabricate(folder, sentences=5, attention=0)
    assert all(row["attention"] is None for row in browse(inputs, settings))
    (inputs.decode / "test" / "attention.npz").unlink()
    (inputs.decode / "test" / "nbest.jsonl").unlink()
    assert all(row["alternatives"] == [] for row in browse(inputs, settings))
