"""The training loop: batches, steps, looks at the dev set, checkpoints, the best weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from attn2seq.batching.batch import Batch, Pairs
from attn2seq.batching.sampler import BatchLimits
from attn2seq.errors import StoppedError, UserError
from attn2seq.model.memory import memory_told
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import PAD_ID
from attn2seq.training.checkpoints import (
    CheckpointFolder,
    random_states,
    restore_random_states,
)
from attn2seq.training.epochs import Indices, plan_epoch
from attn2seq.training.evaluation import evaluate_pairs
from attn2seq.training.history import History
from attn2seq.training.loss import sequence_loss
from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings


@dataclass
class Progress:
    """How far training has come; with weights and random states, all that a resume needs."""

    epoch: int = 0  # passes finished
    batch: int = 0  # batches done in this pass
    tokens: int = 0  # target tokens seen since the start
    best_loss: float = float("inf")  # lowest dev loss, nats a token
    best_step: int = 0
    looks_without_gain: int = 0
    finished: bool = False
    window_loss: float = 0.0  # summed since the last row of the history
    window_tokens: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """One training run, from fresh weights or from the newest checkpoint."""

    def __init__(
        self,
        model: Seq2Seq,
        pairs_of_epoch: Callable[[int], Pairs],
        dev_pairs: Pairs,
        settings: TrainSettings,
        history: History,
        checkpoints: CheckpointFolder,
        say: Callable[[str], None],
        asked_to_stop: Callable[[], StoppedError | None] = lambda: None,
    ) -> None:
        """`pairs_of_epoch` gives the training pairs of each epoch, counted from 0.

        `asked_to_stop` is called after each step; what it gives is raised, the state saved.
        """
        self.model, self.settings = model, settings
        self.pairs_of_epoch, self.dev_pairs = pairs_of_epoch, dev_pairs
        self.history, self.checkpoints, self.say = history, checkpoints, say
        self.asked_to_stop = asked_to_stop
        self.device = next(model.parameters()).device
        self.limits = BatchLimits(settings.batch_tokens, settings.batch_sentences)
        self.epoch = plan_epoch(pairs_of_epoch, settings, 0)
        # The horizon of the schedule; epochs may differ in length where their pairs do.
        self.total_steps = len(self.epoch.batches) * settings.max_epochs
        if settings.max_steps:
            self.total_steps = min(self.total_steps, settings.max_steps)
        self.optimizer = Optimizer(model, settings, self.total_steps)
        self.progress = Progress()

    def run(self) -> dict[str, Tensor]:
        """Train to the end; gives the weights with the lowest dev loss.

        Raises UserError where the loss is no finite number or memory runs out, StoppedError where
        it was asked to stop.
        """
        self._resume()
        started, first_step = time.monotonic(), self.optimizer.step_number
        self.model.train()
        with tqdm(total=self.total_steps, initial=first_step, unit="step", disable=None) as bar:
            while not self.progress.finished:
                for indices in self.epoch.batches[self.progress.batch :]:
                    self._step(indices)
                    bar.update()
                    self._measure(started, first_step)
                    if self.progress.finished:
                        break
                    self._stop_if_asked()
                else:
                    self.epoch = plan_epoch(self.pairs_of_epoch, self.settings, self.progress.epoch)
        return self.progress.best_weights

    def _step(self, indices: Indices) -> None:
        """One optimizer step on one batch: the mean loss of its target tokens."""
        batch = self.epoch.batch(indices, self.device)
        real = batch.tgt_out_BT != PAD_ID
        targets_N = batch.tgt_out_BT[real]
        with memory_told(lambda: self._too_large(batch)):
            loss = sequence_loss(
                self.model, self.model(batch), batch, self.settings.label_smoothing
            )
            (loss.smoothed / len(targets_N)).backward()
            self.grad_norm = self.optimizer.step()
        progress = self.progress
        progress.batch += 1
        progress.tokens += len(targets_N)
        progress.window_loss += float(loss.smoothed.detach())
        progress.window_tokens += len(targets_N)
        if not np.isfinite(self.grad_norm):
            raise UserError(
                f"training broke off in step {self.optimizer.step_number}: the loss or its "
                f"gradient is no finite number (norm {self.grad_norm}). The step's training pairs, "
                f"counted from 0: {sorted(indices.tolist())[:20]}. Lower train.learning_rate or "
                f"set train.clip_norm; the last checkpoint is kept in {self.checkpoints.folder}"
            )

    def _too_large(self, batch: Batch) -> str:
        (pairs, src), tgt, settings = batch.src_BS.shape, batch.tgt_out_BT.shape[1], self.settings
        return (
            f"the batch of step {self.optimizer.step_number + 1} has {pairs} pairs of up to {src} "
            f"source and {tgt} target tokens. Lower train.batch_tokens ({settings.batch_tokens}), "
            f"train.max_tokens ({settings.max_tokens}) or the sizes in model; the last checkpoint "
            f"is kept in {self.checkpoints.folder}"
        )

    def _measure(self, started: float, first_step: int) -> None:
        """After a step: the curve, and where it is time the dev set and a checkpoint."""
        settings, progress, step = self.settings, self.progress, self.optimizer.step_number
        if progress.batch == len(self.epoch.batches):
            progress.epoch, progress.batch = progress.epoch + 1, 0
        ended = progress.epoch == settings.max_epochs or step == settings.max_steps
        looks = ended or step % settings.evaluate_every_steps == 0
        if not looks and step % settings.log_every_steps:
            return
        row: dict[str, float | int] = {
            "step": step,
            "epoch": progress.epoch + progress.batch / len(self.epoch.batches),
            "train_loss": progress.window_loss / progress.window_tokens,
            "train_learning_rate": self.optimizer.learning_rate,
            "train_grad_norm": self.grad_norm,
            "train_tokens": progress.tokens,
        }
        progress.window_loss, progress.window_tokens = 0.0, 0
        if looks:
            row |= self._look_at_dev(step)
            progress.finished = ended or 0 < settings.patience <= progress.looks_without_gain
        self.history.add(row)
        if looks:
            self._say_look(row, started, first_step)
            self.checkpoints.save(step, self._state())

    def _look_at_dev(self, step: int) -> dict[str, float | int]:
        """Score the dev set, and keep the weights where they are the best so far."""
        remedy = f"at a look at dev; lower train.batch_tokens ({self.limits.tokens})"
        with memory_told(lambda: remedy):
            scores = evaluate_pairs(self.model, self.dev_pairs, self.limits, self.device)
        progress = self.progress
        if scores.loss < progress.best_loss:
            progress.best_loss, progress.best_step = scores.loss, step
            progress.looks_without_gain = 0
            progress.best_weights = self.optimizer.weights()
        else:
            progress.looks_without_gain += 1
        return {
            "dev_loss": scores.loss,
            "dev_perplexity": scores.perplexity,
            "dev_accuracy": scores.accuracy,
        }

    def _say_look(self, row: dict[str, float | int], started: float, first_step: int) -> None:
        step = int(row["step"])
        seconds_a_step = (time.monotonic() - started) / max(1, step - first_step)
        left = 0.0 if self.progress.finished else seconds_a_step * (self.total_steps - step)
        self.say(
            f"step {step}/{self.total_steps}, epoch {row['epoch']:.2f}: "
            f"train loss {row['train_loss']:.3f}, dev loss {row['dev_loss']:.3f}, "
            f"dev accuracy {row['dev_accuracy']:.1f}%"
            f"{' (best)' if self.progress.best_step == step else ''}, "
            f"{left / 60:.1f} min left at most"
        )

    def _stop_if_asked(self) -> None:
        stopped = self.asked_to_stop()
        if stopped is not None:
            step = self.optimizer.step_number
            self.checkpoints.save(step, self._state())
            self.say(f"saved at step {step}; the same command goes on from there")
            raise stopped

    def _state(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state(),
            "progress": {**vars(self.progress)},
            "history": self.history.rows,
            "random": random_states(),
        }

    def _resume(self) -> None:
        state = self.checkpoints.load()
        if state is None:
            return
        self.optimizer.restore(state["optimizer"])
        self.progress = Progress(**state["progress"])
        if not self.progress.finished:
            self.epoch = plan_epoch(self.pairs_of_epoch, self.settings, self.progress.epoch)
        self.history.restore(state["history"])
        restore_random_states(state["random"])
        self.say(f"going on from the checkpoint of step {self.optimizer.step_number}")
