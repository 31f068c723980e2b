"""Training on recordings that are varied in each epoch: the same after an interruption."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import Pairs
from attn2seq.errors import StoppedError
from attn2seq.features.augment import AugmentedFrames
from attn2seq.features.frame_store import FrameSequences
from attn2seq.features.settings import FeatureSettings, FrameFormat, FrameSource
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenSequences
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings

BINS, COUNT = 8, 60
FORM = FrameFormat(sample_rate=8000, mel_bins=BINS, mean=[0.0] * BINS, deviation=[1.0] * BINS)
FEATURES = FeatureSettings(
    mel_bins=BINS, front_end="convolution", front_end_size=4, speeds=[1.0, 0.5],
    frequency_masks=1, frequency_mask_bins=2, time_masks=1, time_mask_frames=3,
)  # fmt: skip


def recordings(stretch: int) -> tuple[FrameSequences, TokenSequences]:
    """Of each token a stretch of frames in which one band is loud; 1 to 4 tokens each."""
    draw = np.random.default_rng(3)
    tokens = [draw.integers(4, 4 + BINS, draw.integers(1, 5)) for _ in range(COUNT)]
    mels = [np.repeat(3 * np.eye(BINS)[ids - 4], 6 * stretch, axis=0) for ids in tokens]
    offsets = [np.cumsum([0, *map(len, rows)]) for rows in (mels, tokens)]
    frames = FrameSequences(np.concatenate(mels).astype(np.float16), offsets[0], FORM)
    return frames, TokenSequences(np.concatenate(tokens), offsets[1])


@pytest.fixture
def trained(
    tmp_path: Path,
    model_settings: Callable[..., ModelSettings],
    train_settings: Callable[..., TrainSettings],
) -> Callable[..., Trainer]:
    (once, tokens), (slow, _) = recordings(1), recordings(2)

    def varied(epoch: int) -> Pairs:
        return Pairs(AugmentedFrames([once, slow], FEATURES, 1, epoch), tokens)

    def run(folder: str, stops: Callable[[int], bool] = lambda step: False, **changes: Any) -> Any:
        seed_everything(1)
        source = FrameSource(frames=FORM, front_end="convolution", front_end_size=4)
        model = Seq2Seq(model_settings(attention="location_aware"), 0, 20, source)
        (tmp_path / folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        trainer: Trainer

        def asked() -> StoppedError | None:
            return StoppedError("stop", 75) if stops(trainer.optimizer.step_number) else None

        trainer = Trainer(
            model, varied, Pairs(once, tokens), train_settings(batch_sentences=8, **changes),
            History(tmp_path / folder / "history.csv"),
            CheckpointFolder(tmp_path / folder / "checkpoints", lambda text: None),
            lambda text: None, asked,
        )  # fmt: skip
        return trainer

    return run


def test_a_resumed_training_ends_in_the_same_weights(trained: Callable[..., Trainer]) -> None:
    whole: dict[str, Tensor] = trained("whole", max_epochs=3).run()
    with pytest.raises(StoppedError):
        trained("resumed", stops=lambda step: step == 11, max_epochs=3).run()
    resumed = trained("resumed", max_epochs=3).run()
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
