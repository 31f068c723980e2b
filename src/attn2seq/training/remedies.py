"""What is said where a training cannot go on, with the settings to change."""

from collections.abc import Iterable
from pathlib import Path

from attn2seq.batching.batch import Batch
from attn2seq.training.settings import TrainSettings


def too_large(batch: Batch, step: int, settings: TrainSettings, checkpoints: Path) -> str:
    """For a batch that memory does not hold."""
    (pairs, src, *_), tgt = batch.src_BS.shape, batch.tgt_out_BT.shape[1]
    return (
        f"the batch of step {step} has {pairs} pairs of up to {src} source and {tgt} target "
        f"tokens. Lower train.batch_tokens ({settings.batch_tokens}), train.max_tokens "
        f"({settings.max_tokens}) or the sizes in model; the last checkpoint is kept in "
        f"{checkpoints}"
    )


def too_little(step: int, checkpoints: Path) -> str:
    """For what is no batch: the optimizer's state, a checkpoint, a plan."""
    return (
        f"after step {step}. Lower the sizes in model; the last checkpoint is kept in {checkpoints}"
    )


def not_finite(step: int, norm: float, pairs: Iterable[int], checkpoints: Path) -> str:
    """For a step of these training pairs whose gradients have no finite norm."""
    return (
        f"training stopped at step {step}: the loss or its gradient is not finite (norm {norm}). "
        f"The step's training pairs, counted from 0: {sorted(pairs)[:20]}. Lower "
        f"train.learning_rate or set train.clip_norm; the last checkpoint is kept in {checkpoints}"
    )


def come_apart(step: int) -> str:
    """For processes that train together, and whose weights are no longer the same."""
    return (
        f"after step {step} the processes that train together have different weights: processors "
        "of different kinds round differently. Train on machines of one kind"
    )
