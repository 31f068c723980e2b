from pathlib import Path

import pandas as pd
from fabricated_results import CHARACTERS

from attn2seq.report.vocabulary import is_joint, vocabulary_table
from attn2seq.tokenization.splits import tokenize_splits


def tokenized(root: Path, joint: bool) -> tuple[Path, Path]:
    """Train has two words of five characters; dev none; test one known word and one new letter."""
    prepared = root / "prepared"
    prepared.mkdir()
    rows = {"train": [("aab aab", "ab")], "dev": [("a", "b")], "test": [("aab x", "b")]}
    for split, pairs in rows.items():
        pd.DataFrame(pairs, columns=["src", "tgt"]).to_parquet(prepared / f"{split}.parquet")
    settings = CHARACTERS.model_copy(update={"joint_vocabulary": joint})
    tokenize_splits(prepared, root / "tokenized", settings, lambda text: None)
    return root / "tokenized", prepared


def test_figures_by_hand(tmp_path: Path) -> None:
    table = vocabulary_table(*tokenized(tmp_path, joint=False))
    source = {name: cells[0] for name, cells in table.rows}
    # a, b and the space, beside the four special pieces; each text begins with a space.
    assert source == {
        "Pieces": "7",
        "Pieces used in train": "3 (100.0%)",
        "Tokens in train": "8",
        "Tokens in test": "6",
        "Tokens per word in train": "4.00",
        "Tokens per word in test": "3.00",
        "Characters per token in test": "0.83",
        "Longest text in train, tokens": "8",
        "Unknown tokens in test": "1 (16.7%)",
        "Distinct words in train": "1",
        "Words in test not seen in train": "1 (50.0%)",
    }


def test_one_vocabulary_or_two(tmp_path: Path) -> None:
    for joint in (True, False):
        folder = tmp_path / str(joint)
        folder.mkdir()
        assert is_joint(tokenized(folder, joint)[0]) is joint
