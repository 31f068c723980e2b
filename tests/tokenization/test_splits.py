"""Tokenizing prepared splits: every text comes back, from joint and from separate vocabularies."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attn2seq.errors import UserError
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import sample_texts, tokenize_splits
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer

Settings = Callable[..., TokenizeSettings]


def ignore(_: str) -> None:
    pass


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("joint", [True, False])
def test_every_text_comes_back_from_its_ids(
    prepared: Path, tmp_path: Path, tokenize_settings: Settings, joint: bool
) -> None:
    output = tmp_path / "tokenized"
    tokenize_splits(prepared, output, tokenize_settings(joint_vocabulary=joint), ignore)
    for side in ("src", "tgt"):
        tokenizer = Tokenizer(output / f"{side}.model")
        assert tokenizer.vocabulary_size == 60
        for split in ("train", "dev", "test"):
            texts = pd.read_parquet(prepared / f"{split}.parquet")[side].tolist()
            store = TokenStore(output / f"{split}.{side}")
            ids = [store[index].tolist() for index in range(len(store))]
            assert ids == tokenizer.encode(texts)
            assert tokenizer.decode(ids) == texts
    same = (output / "src.model").read_bytes() == (output / "tgt.model").read_bytes()
    assert same is joint


def test_each_side_can_have_its_own_kind(
    prepared: Path, tmp_path: Path, tokenize_settings: Settings
) -> None:
    settings = tokenize_settings(
        model_type="char", joint_vocabulary=False, tgt_model_type="word", tgt_vocabulary_size=500
    )
    tokenize_splits(prepared, tmp_path / "out", settings, ignore)
    src, tgt = (Tokenizer(tmp_path / "out" / f"{side}.model") for side in ("src", "tgt"))
    assert src.pieces(src.encode(["hund"])[0]) == ["▁", "h", "u", "n", "d"]
    assert tgt.pieces(tgt.encode(["HUND SATZ"])[0]) == ["▁HUND", "▁SATZ"]


def test_the_same_input_gives_the_same_bytes(
    prepared: Path, tmp_path: Path, tokenize_settings: Settings
) -> None:
    settings = tokenize_settings(max_training_lines=100)
    for name in ("first", "second"):
        tokenize_splits(prepared, tmp_path / name, settings, ignore)
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert len(files(tmp_path / "first")) == 2 + 3 * 2 * 2


def test_the_lines_that_a_vocabulary_is_learnt_from(
    prepared: Path, tmp_path: Path, tokenize_settings: Settings
) -> None:
    """As many as the settings say, drawn from their seed: other lines, other bytes."""
    models = []
    for place, (limit, seed) in enumerate([(0, 1), (30, 1), (30, 2), (31, 1), (30, 1)]):
        settings = tokenize_settings(model_type="char", max_training_lines=limit, seed=seed)
        tokenize_splits(prepared, tmp_path / str(place), settings, ignore)
        models.append((tmp_path / str(place) / "src.model").read_bytes())
    assert len(set(models)) == 4
    assert models[1] == models[4]


def test_it_tells_sizes_tokens_a_word_and_unknowns(
    tmp_path: Path, tokenize_settings: Settings
) -> None:
    for split, text in (("train", "ab ab"), ("dev", "ab xy"), ("test", "ab")):
        pd.DataFrame({"src": [text], "tgt": [text]}).to_parquet(tmp_path / f"{split}.parquet")
    said: list[str] = []
    settings = tokenize_settings(model_type="word", vocabulary_size=50)
    tokenize_splits(tmp_path, tmp_path / "out", settings, said.append)
    assert said == [
        "learning the joint vocabulary: word, 50 pieces",
        "src: 5 pieces; dev has 2.0 tokens per line, 1.00 per word, 50.00% unknown",
        "tgt: 5 pieces; dev has 2.0 tokens per line, 1.00 per word, 50.00% unknown",
    ]


def test_a_sample_repeats_keeps_the_order_and_grows(tmp_path: Path) -> None:
    pd.DataFrame({"src": [str(n) for n in range(300)]}).to_parquet(tmp_path / "t")

    def sample(limit: int, seed: int = 1) -> list[int]:
        return [int(text) for text in sample_texts(tmp_path / "t", "src", limit, seed)]

    assert sample(0) == sample(300) == sample(1000) == list(range(300))
    assert len(sample(40)) == 40
    assert sample(40) == sample(40) == sorted(sample(40))
    assert set(sample(40)) < set(sample(80))
    assert sample(40) != sample(40, seed=2)


def test_missing_pairs(prepared: Path, tmp_path: Path, tokenize_settings: Settings) -> None:
    (prepared / "dev.parquet").unlink()
    with pytest.raises(UserError, match=r"dev\.parquet is missing; the prepare stage writes it"):
        tokenize_splits(prepared, tmp_path / "out", tokenize_settings(), ignore)


def test_a_vocabulary_that_is_too_large_leaves_nothing(
    prepared: Path, tmp_path: Path, tokenize_settings: Settings
) -> None:
    settings = tokenize_settings(joint_vocabulary=False, tgt_vocabulary_size=9000)
    with pytest.raises(
        UserError,
        match=r"tokenize\.tgt_vocabulary_size: 9000 is larger than the tgt side of train allows",
    ):
        tokenize_splits(prepared, tmp_path / "out", settings, ignore)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.new").exists()
