"""User-defined symbols are one piece each, in every kind of vocabulary that has pieces."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece as spm
from made_up_texts import made_up_texts

from attn2seq.tokenization.symbols import UncutSymbols
from attn2seq.tokenization.tokenizer import UNK_ID, Tokenizer

Make = Callable[..., Tokenizer]
SYMBOLS = ["<name>", "<n", "a,b", '"q"', "ka", "☃"]


@pytest.mark.parametrize("model_type", ["unigram", "bpe", "char"])
def test_symbols_are_never_cut_and_come_back(tokenizer: Make, model_type: str) -> None:
    """Of two that begin at one place, the longer counts; commas and quotes are text."""
    known = tokenizer(
        [*made_up_texts(500, 1), 'a<>,"qnb'], model_type=model_type, vocabulary_size=300,
        user_defined_symbols=SYMBOLS,
    )  # fmt: skip
    texts = ["der <name>n <n ka", 'da,bka"q"ka☃☃', *made_up_texts(300, 2)]
    found = [known.pieces(ids) for ids in known.encode(texts)]
    assert [piece for piece in found[0] if piece in SYMBOLS] == ["<name>", "<n", "ka"]
    assert [piece for piece in found[1] if piece in SYMBOLS] == ["a,b", "ka", '"q"', "ka", "☃", "☃"]
    for text, pieces in zip(texts[2:], found[2:], strict=True):
        assert pieces.count("ka") == text.count("ka")
    assert known.decode(known.encode(texts)) == texts
    assert [ids.tolist() for ids in known.encode_arrays(texts)] == known.encode(texts)
    assert known.symbols == {symbol: 4 + place for place, symbol in enumerate(SYMBOLS)}


def test_unigram_symbols_stay_whole_where_sentencepiece_cuts_them(
    tokenizer: Make, tmp_path: Path
) -> None:
    """`▁ba` and `ka` are so probable that it cuts the symbol `aka` in `baka`."""
    known = tokenizer(
        made_up_texts(500, 1), model_type="unigram", vocabulary_size=300,
        user_defined_symbols=["aka"],
    )  # fmt: skip
    own = spm.SentencePieceProcessor(model_file=str(tmp_path / "some.model"))
    texts = [text for text in made_up_texts(2000, 2) if "aka" in text]
    cut = [
        text for text in texts if own.encode(text, out_type=str).count("aka") < text.count("aka")
    ]
    assert 10 < len(cut) < len(texts)
    for text, ids in zip(texts, known.encode(texts), strict=True):
        assert known.pieces(ids).count("aka") == text.count("aka")
    assert known.decode(known.encode(texts)) == texts
    assert [ids.tolist() for ids in known.encode_arrays(texts)] == known.encode(texts)
    for text in cut[:20]:
        for ids in known.candidates(text, 20):
            assert known.pieces(ids).count("aka") == text.count("aka")


def mender(tokenizer: Tokenizer) -> UncutSymbols:
    assert tokenizer._uncut is not None
    return tokenizer._uncut


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_what_is_segmented_anew_is_the_best_segmentation(
    tokenizer: Make, byte_fallback: bool
) -> None:
    """Where sentencepiece cuts no symbol, both find the same, unknown characters and all."""
    known = tokenizer(
        made_up_texts(500, 1), model_type="unigram", user_defined_symbols=["<name>", "%%"],
        vocabulary_size=600 if byte_fallback else 300, byte_fallback=byte_fallback,
    )  # fmt: skip
    texts = [
        text.replace(" ", symbol, 1)
        for text, symbol in zip(
            made_up_texts(1500, 2), itertools.cycle([" <name> ", "%%", " €€<name>☃"]), strict=False
        )
    ]
    for text, ids in zip(texts, known.encode(texts), strict=True):
        (anew,) = mender(known).whole(text, [])
        difference = sum(known.scores[token] for token in anew if token != UNK_ID) - sum(
            known.scores[token] for token in ids if token != UNK_ID
        )
        # Of two that are equally probable either may be taken.
        assert anew == ids or abs(difference) < 1e-3


def test_vocabularies_without_symbols_have_none(tokenizer: Make) -> None:
    assert tokenizer(model_type="unigram", vocabulary_size=36).symbols == {}
