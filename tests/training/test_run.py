"""A training as a whole: what it refuses, and what it leaves in the model folder."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece as spm
import torch

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from attn2seq.training import loop
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.evaluation import DevScores, evaluate_pairs
from attn2seq.training.history import History
from attn2seq.training.run import train_model
from attn2seq.training.settings import TrainSettings

CPU = torch.device("cpu")


def write_tokenizer(path: Path, letters: str) -> None:
    with path.open("wb") as file:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter([letters]), model_writer=file, model_type="char",
            vocab_size=20, pad_id=PAD_ID, unk_id=UNK_ID, bos_id=BOS_ID, eos_id=EOS_ID,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip


@pytest.fixture
def tokenized(tmp_path: Path, copy_pairs: Callable[..., Pairs]) -> Path:
    """A copy task as the tokenize stage leaves it, with one vocabulary for both sides."""
    folder = tmp_path / "tokenized"
    folder.mkdir()
    for split, seed in (("train", 1), ("dev", 2)):
        copy_pairs(80, seed, folder=folder, name=split)
    write_tokenizer(folder / "src.model", "abcdefghijklmnopqrstuvwxyz")
    shutil.copyfile(folder / "src.model", folder / "tgt.model")
    return folder


@pytest.fixture
def train(
    tmp_path: Path, tokenized: Path, train_settings: Callable[..., TrainSettings]
) -> Callable[..., list[str]]:
    """Trains into tmp_path/model, and gives what was said."""

    def run(model: ModelSettings, **changes: object) -> list[str]:
        said: list[str] = []
        checkpoints = CheckpointFolder(tmp_path / "checkpoints", said.append)
        history = History(tmp_path / "history.csv")
        with checkpoints:
            train_model(
                tokenized, tmp_path / "model", tmp_path / "metrics.json", model,
                train_settings(**changes), CPU, torch.float32, history, checkpoints, said.append,
            )  # fmt: skip
        return said

    return run


def test_the_model_folder_serves_by_itself(
    tmp_path: Path,
    tokenized: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
    copy_pairs: Callable[..., Pairs],
) -> None:
    """The weights in it are those of the metrics: the best, which here are not the last."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "of-an-earlier-run").touch()
    diverging = {"learning_rate": 1.0, "clip_norm": 0.0, "max_epochs": 200, "patience": 2}
    train(model_settings(tie_embeddings="all"), **diverging)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.json", "model.safetensors", "src.model", "tgt.model",
    ]  # fmt: skip
    for name in ("src.model", "tgt.model"):
        assert (tmp_path / "model" / name).read_bytes() == (tokenized / name).read_bytes()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    model = load_model(tmp_path / "model", CPU, torch.float32)
    scores = evaluate_pairs(model, copy_pairs(80, 2), BatchLimits(200, 40), CPU)
    assert metrics["best_step"] == metrics["steps"] - 20
    assert metrics["dev_loss"] == pytest.approx(scores.loss, abs=1e-4)
    assert metrics["dev_accuracy"] == pytest.approx(scores.accuracy, abs=1e-4)
    assert metrics["parameters"] == sum(parameter.numel() for parameter in model.parameters())


def test_an_average_is_what_is_written_and_scored(
    tmp_path: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
    copy_pairs: Callable[..., Pairs],
) -> None:
    said = train(model_settings(), max_steps=20, max_epochs=9, average_checkpoints=2)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    model = load_model(tmp_path / "model", CPU, torch.float32)
    scores = evaluate_pairs(model, copy_pairs(80, 2), BatchLimits(200, 40), CPU)
    assert metrics["averaged_checkpoints"] == 2
    assert "best_step" not in metrics
    assert metrics["dev_loss"] == pytest.approx(scores.loss, abs=1e-4)
    rows = (tmp_path / "history.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[6]) for row in rows if row.split(",")[6]]
    assert min(abs(loss - scores.loss) for loss in losses) > 1e-3
    assert said[-1] == f"kept the average of steps 10, 20, with dev loss {scores.loss:.4f}"


@pytest.mark.parametrize(
    ("key", "value", "said"), [("tie_embeddings", "all", "all"), ("copying", True, "true")]
)
def test_what_needs_one_vocabulary_is_refused_over_two(
    tmp_path: Path,
    tokenized: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
    key: str,
    value: object,
    said: str,
) -> None:
    """Of the same size, which the shapes alone would let pass."""
    write_tokenizer(tokenized / "tgt.model", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    message = (
        f"^model.{key} is {said}, which needs one vocabulary for both sides: "
        "set tokenize.joint_vocabulary to true$"
    )
    with pytest.raises(UserError, match=message):
        train(model_settings(**{key: value}))
    assert not (tmp_path / "model").exists()
    train(model_settings(tie_embeddings="target"), max_steps=5)
    assert (tmp_path / "model").is_dir()


def test_the_start_weights_follow_from_the_seed(
    tmp_path: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
) -> None:
    """Seen where a step moves none of them."""
    found = []
    for seed in (1, 2, 1):
        train(model_settings(), seed=seed, max_steps=1, learning_rate=1e-30)
        model = load_model(tmp_path / "model", CPU, torch.float32)
        found.append(torch.cat([weight.flatten() for weight in model.parameters()]))
        shutil.rmtree(tmp_path / "checkpoints")
    assert torch.equal(found[0], found[2])
    moved = (found[0] != found[1]).float().mean()
    assert moved > 0.9  # all but what starts from zeros and ones


def test_pairs_left_out_or_cut_are_said(
    tmp_path: Path,
    train: Callable[..., list[str]],
    tokenized: Path,
    model_settings: Callable[..., ModelSettings],
    copy_pairs: Callable[..., Pairs],
) -> None:
    lengths = copy_pairs(80, 1).src.lengths  # both sides are alike
    said = train(model_settings(), max_tokens=3, max_steps=5)
    assert 0 < sum(lengths > 3) < 80
    assert f"left out {sum(lengths > 3)} pairs longer than train.max_tokens (3)" in said
    assert said[0].startswith("80 training pairs, 80 dev pairs, ")
    shutil.rmtree(tmp_path / "checkpoints")
    said = train(model_settings(), max_tokens=3, max_steps=5, too_long="truncate")
    assert f"cut {sum(lengths > 3)} pairs longer than train.max_tokens (3)" in said


def test_without_any_finite_dev_loss_the_old_model_stays(
    tmp_path: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    monkeypatch.setattr(loop, "evaluate_pairs", lambda *arguments: DevScores(math.nan, 0.0, None))
    with pytest.raises(
        UserError, match=r"the dev loss was never finite: lower train\.learning_rate"
    ):
        train(model_settings(), max_steps=5)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["old"]
    assert not (tmp_path / "metrics.json").exists()


def test_the_curve_is_whole_again_after_someone_touched_it(
    tmp_path: Path,
    train: Callable[..., list[str]],
    model_settings: Callable[..., ModelSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(model_settings(), max_steps=20)
    expected = (tmp_path / "history.csv").read_bytes()
    shutil.rmtree(tmp_path / "checkpoints")

    def look_and_spoil(*arguments: object) -> DevScores:
        (tmp_path / "history.csv").write_text("spoilt\n")
        return evaluate_pairs(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "evaluate_pairs", look_and_spoil)
    train(model_settings(), max_steps=20)
    assert (tmp_path / "history.csv").read_bytes() == expected
