"""Texts cut anew in each epoch of a training: what the three keys of `train` do, and when not."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece as spm
import torch

from attn2seq.batching.batch import Pairs
from attn2seq.errors import StoppedError, UserError
from attn2seq.model.settings import ModelSettings
from attn2seq.segmentation.segmentation import pairs_of_epochs
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.run import train_model
from attn2seq.training.settings import TrainSettings

CPU = torch.device("cpu")
TEXTS = [f"{'ab' * (n % 3)}satz{n % 13} wort{n * n % 17} haus{n % 5}" for n in range(120)]
Settings = Callable[..., TrainSettings]


def vocabulary(model_type: str) -> bytes:
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=model, model_type=model_type, vocab_size=40,
        hard_vocab_limit=False, pad_id=PAD_ID, unk_id=UNK_ID, bos_id=BOS_ID, eos_id=EOS_ID,
        normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
    )  # fmt: skip
    return model.getvalue()


@pytest.fixture
def tokenized(tmp_path: Path) -> Callable[..., Path]:
    """Pairs of equal texts as the tokenize stage leaves them, by the kind of each vocabulary."""

    def make(src: str, tgt: str) -> Path:
        folder = tmp_path / f"{src}-{tgt}"
        folder.mkdir()
        for side, model_type in (("src", src), ("tgt", tgt)):
            (folder / f"{side}.model").write_bytes(vocabulary(model_type))
            ids = Tokenizer(folder / f"{side}.model").encode(TEXTS)
            for split in ("train", "dev"):
                write_token_store(folder / f"{split}.{side}", ids)
        return folder

    return make


def drawn(folder: Path, settings: TrainSettings) -> tuple[dict[str, list[list[str]]], list[str]]:
    """By side the texts of three epochs, each as its pieces; and what was said."""
    said: list[str] = []
    known = {side: Tokenizer(folder / f"{side}.model") for side in ("src", "tgt")}
    pairs = Pairs(TokenStore(folder / "train.src"), TokenStore(folder / "train.tgt"))
    found: dict[str, list[list[str]]] = {"src": [], "tgt": []}
    bounds = settings.seed, settings.max_tokens, settings.max_epochs
    with pairs_of_epochs(pairs, known, settings, *bounds, said.append) as pairs_of_epoch:
        for epoch in range(3):
            for side, store in vars(pairs_of_epoch(epoch)).items():
                ids = [store[index].tolist() for index in range(len(store))]
                assert known[side].decode(ids) == TEXTS
                found[side].append([" ".join(known[side].pieces(row)) for row in ids])
    return found, said


def test_without_sampling_every_epoch_has_the_pairs_of_the_tokenize_stage(
    tokenized: Callable[..., Path], train_settings: Settings
) -> None:
    folder = tokenized("unigram", "bpe")
    found, said = drawn(folder, train_settings())
    for side in ("src", "tgt"):
        known = Tokenizer(folder / f"{side}.model")
        own = [" ".join(known.pieces(ids)) for ids in known.encode(TEXTS)]
        assert found[side] == [own, own, own]
    assert said == []


@pytest.mark.parametrize(
    ("changes", "sides"),
    [
        ({"subword_nbest": 8}, {"src"}),
        ({"bpe_dropout": 0.1}, {"tgt"}),
        ({"subword_nbest": 8, "bpe_dropout": 0.1}, {"src", "tgt"}),
    ],
)
def test_each_key_cuts_the_side_of_its_kind_anew(
    tokenized: Callable[..., Path], train_settings: Settings, changes: dict, sides: set[str]
) -> None:
    found, said = drawn(tokenized("unigram", "bpe"), train_settings(**changes))
    for side in ("src", "tgt"):
        distinct = {tuple(epoch) for epoch in found[side]}
        assert len(distinct) == (3 if side in sides else 1)
        assert any(line.startswith(f"{side} is re-segmented") for line in said) == (side in sides)


def test_more_candidates_and_a_lower_power_give_more_ways(
    tokenized: Callable[..., Path], train_settings: Settings
) -> None:
    folder = tokenized("unigram", "unigram")

    def ways(**changes: float) -> int:
        found, _ = drawn(folder, train_settings(**changes))
        return len({text for epoch in found["src"] for text in epoch})

    assert ways(subword_nbest=2) < ways(subword_nbest=64)
    assert ways(subword_nbest=64, subword_alpha=5.0) < ways(subword_nbest=64, subword_alpha=0.0)


def test_a_larger_share_of_dropped_merges_gives_longer_texts(
    tokenized: Callable[..., Path], train_settings: Settings
) -> None:
    folder = tokenized("bpe", "bpe")

    def tokens(rate: float) -> int:
        found, _ = drawn(folder, train_settings(bpe_dropout=rate))
        return sum(len(text.split()) for epoch in found["src"] for text in epoch)

    assert tokens(0.0) < tokens(0.1) < tokens(0.5) < tokens(0.99)


def test_the_seed_draws_others(tokenized: Callable[..., Path], train_settings: Settings) -> None:
    folder = tokenized("bpe", "bpe")
    first, second = (drawn(folder, train_settings(bpe_dropout=0.3, seed=s))[0] for s in (1, 2))
    assert first != second


def test_no_drawn_text_is_longer_than_max_tokens(
    tokenized: Callable[..., Path], train_settings: Settings
) -> None:
    """Where the draw would be, the text's own pieces stay."""
    folder = tokenized("bpe", "bpe")
    longest = int(TokenStore(folder / "train.src").lengths.max())
    found, _ = drawn(folder, train_settings(bpe_dropout=0.5, max_tokens=longest))
    free, _ = drawn(folder, train_settings(bpe_dropout=0.5, max_tokens=199))
    lengths = [[len(text.split()) for text in epoch] for epoch in (found["src"][0], free["src"][0])]
    assert max(lengths[0]) <= longest < max(lengths[1])
    assert lengths[0] != TokenStore(folder / "train.src").lengths.tolist()


@pytest.mark.parametrize(
    ("kinds", "changes", "fault"),
    [
        (("bpe", "char"), {"subword_nbest": 8},
         "train.subword_nbest is 8, which needs a unigram vocabulary on one side at least: set "
         "tokenize.model_type to unigram, or train.subword_nbest to 0"),
        (("unigram", "word"), {"bpe_dropout": 0.1},
         "train.bpe_dropout is 0.1, which needs a bpe vocabulary on one side at least: set "
         "tokenize.model_type to bpe, or train.bpe_dropout to 0"),
    ],
)  # fmt: skip
def test_a_vocabulary_of_another_kind_is_refused(
    tokenized: Callable[..., Path], train_settings: Settings, kinds: tuple[str, str],
    changes: dict, fault: str,
) -> None:  # fmt: skip
    with pytest.raises(UserError) as caught:
        drawn(tokenized(*kinds), train_settings(**changes))
    assert str(caught.value) == fault


def test_a_choice_of_one_is_refused(train_settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"subword_nbest must be 0 \(off\) or at least 2"):
        train_settings(subword_nbest=1)


@pytest.mark.parametrize("keys", [{"subword_nbest": 4}, {"bpe_dropout": 0.2}])
def test_a_resumed_training_draws_the_same(
    tmp_path: Path,
    tokenized: Callable[..., Path],
    model_settings: Callable[..., ModelSettings],
    train_settings: Settings,
    keys: dict,
) -> None:
    """Stopped in its second epoch, it ends in the same bytes; without sampling in others."""
    folder = tokenized("unigram", "bpe")

    def train(name: str, stop_after: int, **changes: object) -> bytes:
        calls: list[None] = []

        def asked() -> StoppedError | None:
            calls.append(None)
            return StoppedError("enough", 75) if len(calls) == stop_after else None

        place = tmp_path / name
        place.mkdir(exist_ok=True)
        with CheckpointFolder(place / "checkpoints", lambda text: None) as checkpoints:
            train_model(
                folder, place / "model", place / "metrics.json", model_settings(),
                train_settings(max_epochs=3, batch_tokens=400, **changes), CPU, torch.float32,
                History(place / "history.csv"), checkpoints, lambda text: None, asked,
            )  # fmt: skip
        return (place / "model" / "model.safetensors").read_bytes()

    whole = train("whole", 0, **keys)
    with pytest.raises(StoppedError):
        train("broken", 10, **keys)
    assert train("broken", 0, **keys) == whole
    shutil.rmtree(tmp_path / "whole")
    assert train("whole", 0) != whole
