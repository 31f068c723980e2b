import json
from pathlib import Path

import numpy as np
import pandas as pd

from attn2seq.decoding.outputs import write_decoded
from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.translation import EMPTY, Hypothesis, Translation

WEIGHTS = np.array([[0.9, 0.1], [0.25, 0.75]], dtype=np.float32)
SOURCES = ["nein danke", "", "ja"]
TRANSLATIONS = [
    Translation(
        ("▁nein", "</s>"),
        [
            Hypothesis("no", -0.12345678, -0.2, 2, ("▁no", "</s>"), WEIGHTS),
            Hypothesis("näh", -1.5, -3.0, 2, ("▁näh", "</s>"), WEIGHTS),
        ],
    ),
    EMPTY,
    Translation(("▁ja", "</s>"), [Hypothesis("yes", -1.0, -1.0, 2, ("▁yes", "</s>"), None)]),
]
REFERENCES = [ReferenceScore(1.25, 3), ReferenceScore(0.5, 1), ReferenceScore(2.0, 2)]


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "decode" / "test"
    write_decoded(folder, SOURCES, TRANSLATIONS, REFERENCES)

    assert (folder / "hypotheses.txt").read_text(encoding="utf-8") == "no\n\nyes\n"
    lines = (folder / "nbest.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {
        "line": 0,
        "src": "nein danke",
        "hypotheses": [
            {"text": "no", "score": -0.123457, "log_prob": -0.2, "tokens": 2},
            {"text": "näh", "score": -1.5, "log_prob": -3.0, "tokens": 2},
        ],
    }
    assert [json.loads(line)["line"] for line in lines] == [0, 1, 2]
    with np.load(folder / "attention.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["src_0", "tgt_0", "weights_0"]
        assert arrays["weights_0"].dtype == np.float16
        np.testing.assert_allclose(arrays["weights_0"], WEIGHTS, atol=1e-3)
        assert arrays["src_0"].tolist() == ["▁nein", "</s>"]
        assert arrays["tgt_0"].tolist() == ["▁no", "</s>"]
    nats = pd.read_parquet(folder / "reference_nats.parquet")
    assert nats["nats"].tolist() == [1.25, 0.5, 2.0]
    assert nats["tokens"].tolist() == [3, 1, 2]
    assert nats.dtypes.astype(str).tolist() == ["float64", "int64"]


def test_the_same_results_give_the_same_bytes_and_replace_old_ones(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_decoded(other, SOURCES[:1], TRANSLATIONS[:1], REFERENCES[:1])
    for folder in (one, other):
        write_decoded(folder, SOURCES, TRANSLATIONS, REFERENCES)
    names = sorted(path.name for path in one.iterdir())
    assert names == ["attention.npz", "hypotheses.txt", "nbest.jsonl", "reference_nats.parquet"]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
