"""The training loop: steps, looks at the dev set, checkpoints, the weights that are kept."""

import time
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from attn2seq.ahead import ahead
from attn2seq.batching.batch import Batch, Pairs
from attn2seq.batching.sampler import BatchLimits
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.errors import StoppedError, UserError
from attn2seq.model.device import full_precision, memory_told
from attn2seq.model.drawing import Share, drawing
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training import remedies
from attn2seq.training.averaging import CheckpointAverage
from attn2seq.training.checkpoints import (
    CheckpointFolder,
    random_states,
    restore_random_states,
)
from attn2seq.training.ctc import add_ctc, without_ctc
from attn2seq.training.epochs import Indices, plan_epoch
from attn2seq.training.evaluation import evaluate_pairs
from attn2seq.training.history import History, Progress, Row
from attn2seq.training.objective import batch_loss
from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings

# Seconds of training until the first checkpoint, which does not wait for a look at dev; then
# between any two, or longer where writing one takes more than this share of the time.
FIRST_SAVE_S, SAVE_EVERY_S, SAVE_SHARE = 20.0, 180.0, 1 / 150
# Seconds without a word, where no progress bar is seen.
SILENCE_S = 25.0


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
        ranks: Ranks = ALONE,
    ) -> None:
        """`pairs_of_epoch` gives the training pairs of each epoch, counted from 0.

        `asked_to_stop` is called after each step; what it gives is raised, the state saved. Of
        several `ranks` the first alone saves.
        """
        self.model, self.settings = model, settings
        self.pairs_of_epoch, self.dev_pairs = pairs_of_epoch, dev_pairs
        self.history, self.checkpoints, self.say = history, checkpoints, say
        self.asked_to_stop, self.ranks = asked_to_stop, ranks
        self.asked = torch.zeros(())  # where several train: how many of them were asked to stop
        self.clock: Callable[[], float] = time.monotonic
        self.device = next(model.parameters()).device
        self.limits = BatchLimits(settings.batch_tokens, settings.batch_sentences)
        self.epoch = plan_epoch(pairs_of_epoch, settings, 0)
        # The horizon of the schedule; epochs may differ in length where their pairs do.
        self.total_steps = len(self.epoch.steps) * settings.max_epochs
        if settings.max_steps:
            self.total_steps = min(self.total_steps, settings.max_steps)
        if settings.ctc_weight:
            add_ctc(model)
        self.optimizer = Optimizer(model, settings, self.total_steps)
        self.average = CheckpointAverage(settings.average_checkpoints, settings.average_of)
        self.progress = Progress()
        self.kept: Row = {}  # after the run: the dev scores of the weights that are kept

    def run(self) -> dict[str, Tensor]:
        """Train to the end; gives the weights with the lowest dev loss, or the average asked for.

        They are empty where no dev loss was a finite number. Raises UserError where the training
        loss is not finite or memory runs out, StoppedError where it was asked to stop.
        """
        self._resume()
        started, first_step = self.clock(), self.optimizer.step_number
        self.save_at, self.say_at = started + FIRST_SAVE_S, started + SILENCE_S
        self.model.train()
        if self.device.type == "cuda":
            self.try_largest()
        with (
            full_precision(),
            memory_told(self._too_little),
            self._bar(first_step) as bar,
        ):
            while not self.progress.finished:
                steps = self.epoch.steps[self.progress.epoch_steps :]
                for indices, batches in ahead(steps, self._make):
                    self._step(indices, batches)
                    bar.update()
                    self._measure(started, first_step)
                    if self.progress.finished:
                        break
                    if self.clock() >= self.save_at:
                        self._save()
                    if bar.disable and self.clock() >= self.say_at:
                        self._say_progress("", started, first_step)
                    self._stop_if_asked()
                else:
                    self.epoch = plan_epoch(self.pairs_of_epoch, self.settings, self.progress.epoch)
            return self._kept_weights()

    def _bar(self, first_step: int) -> "tqdm[Any]":
        shown = None if self.ranks.is_first else True  # None: at a terminal
        return tqdm(total=self.total_steps, initial=first_step, unit="step", disable=shown)

    def try_largest(self) -> None:
        """Compute the epoch's largest batch, and forget it.

        On a GPU: what memory does not hold is then reported at once, and all other batches find
        room in what this one took. Neither weights nor random numbers change.
        """
        largest = max(chain.from_iterable(self.epoch.steps), key=self.epoch.size)
        states, share = random_states(self.device), self.ranks.share(len(largest))
        with full_precision():
            self._add_gradients(self.epoch.batch(largest, self.device, share), 1, share)
        self.optimizer.drop_gradients()
        restore_random_states(states, self.device)

    def _make(self, step: list[Indices]) -> list[Batch]:
        return [
            self.epoch.batch(indices, self.device, self.ranks.share(len(indices)))
            for indices in step
        ]

    def _step(self, indices: list[Indices], batches: list[Batch]) -> None:
        """One optimizer step: the mean loss of the target tokens of all its batches."""
        tokens = sum(self.epoch.tokens(each) for each in indices)
        progress = self.progress
        losses = [
            self._add_gradients(batch, tokens, self.ranks.share(len(each)))
            for each, batch in zip(indices, batches, strict=True)
        ]
        with memory_told(lambda: self._too_large(batches[-1])):
            self.grad_norm = self.optimizer.step(lambda grads: self._add_up(grads, losses))
        for loss in losses:
            progress.window_loss = progress.window_loss + loss
        progress.epoch_steps += 1
        progress.tokens += tokens
        progress.window_tokens += tokens
        if not np.isfinite(self.grad_norm):
            pairs = (int(index) for batch in indices for index in batch)
            step, folder = self.optimizer.step_number, self.checkpoints.folder
            raise UserError(remedies.not_finite(step, self.grad_norm, pairs, folder))

    def _add_gradients(self, batch: Batch, tokens: int, share: Share | None) -> Tensor:
        """Add the gradients of the batch's loss a token of the step; gives its summed loss."""
        idle = share is not None and share.idle
        with (
            memory_told(lambda: self._too_large(batch)),
            drawing(share),
            torch.set_grad_enabled(not idle),
        ):
            loss = batch_loss(self.model, batch, self.settings, self.optimizer.step_number + 1)
            if idle:  # it has but drawn what the others drew
                return torch.zeros_like(loss, dtype=torch.float64)
            (loss / tokens).backward()
            self.optimizer.take_gradients()
        return loss.detach().double()

    def _add_up(self, grads: list[Tensor], losses: list[Tensor]) -> None:
        """Of several processes: sum what each has, and whether any was asked to stop, at once."""
        if self.ranks.count > 1:
            self.asked = torch.tensor(float(self.asked_to_stop() is not None), device=self.device)
            self.ranks.add_up([*grads, *losses, self.asked])

    def _too_large(self, batch: Batch) -> str:
        step, folder = self.optimizer.step_number + 1, self.checkpoints.folder
        return remedies.too_large(batch, step, self.settings, folder)

    def _too_little(self) -> str:
        return remedies.too_little(self.optimizer.step_number, self.checkpoints.folder)

    def _measure(self, started: float, first_step: int) -> None:
        """After a step: the curve, and where it is time the dev set and a checkpoint."""
        settings, progress, step = self.settings, self.progress, self.optimizer.step_number
        if progress.epoch_steps == len(self.epoch.steps):
            progress.epoch, progress.epoch_steps = progress.epoch + 1, 0
        ended = progress.epoch == settings.max_epochs or step == settings.max_steps
        looks = ended or step % settings.evaluate_every_steps == 0
        if not looks and step % settings.log_every_steps:
            return
        row: Row = {
            "step": step,
            "epoch": progress.epoch + progress.epoch_steps / len(self.epoch.steps),
            "train_loss": float(progress.window_loss) / progress.window_tokens,
            "train_learning_rate": self.optimizer.learning_rate,
            "train_grad_norm": self.grad_norm,
            "train_tokens": progress.tokens,
        }
        progress.window_loss, progress.window_tokens = torch.zeros((), dtype=torch.float64), 0
        if looks:
            row |= self._look_at_dev(step)
            progress.finished = ended or 0 < settings.patience <= progress.looks_without_gain
        self.history.add(row)
        if looks:
            best = " (best)" if progress.best_step == step else ""
            scores = (
                f": train loss {row['train_loss']:.3f}, dev loss {row['dev_loss']:.3f}, "
                f"dev accuracy {row['dev_accuracy']:.1f}%{best}"
            )
            self._say_progress(scores, started, first_step)
            self._save()

    def _look_at_dev(self, step: int) -> Row:
        """Score the dev set, keep weights, and count the plateaus that lower the rate."""
        settings, progress = self.settings, self.progress
        if self.ranks.count > 1 and not self.ranks.agree(self.optimizer.checksum()):
            raise UserError(remedies.come_apart(step))
        with self.optimizer.averaged():
            scores = self._dev_scores()
        weights = self.optimizer.weights()
        if scores["dev_loss"] < progress.best_loss:
            progress.best_loss, progress.best_step = scores["dev_loss"], step
            progress.looks_without_gain = 0
            progress.best_weights = weights
        else:
            progress.looks_without_gain += 1
            if progress.looks_without_gain % settings.schedule_patience == 0:
                self.optimizer.rate_cuts += 1
        if settings.average_checkpoints > 1:
            self.average.add(step, scores["dev_loss"], weights)
        return scores

    def _dev_scores(self) -> Row:
        remedy = f"during an evaluation on dev; lower train.batch_tokens ({self.limits.tokens})"
        with memory_told(lambda: remedy):
            scores = evaluate_pairs(
                self.model, self.dev_pairs, self.limits, self.device, self.ranks
            )
        row: Row = {
            "dev_loss": scores.loss,
            "dev_perplexity": scores.perplexity,
            "dev_accuracy": scores.accuracy,
        }
        return row if scores.alignment is None else row | {"dev_alignment": scores.alignment}

    def _kept_weights(self) -> dict[str, Tensor]:
        """The weights that make the model, their dev scores left in `self.kept`."""
        looks = {row["step"]: row for row in self.history.rows if "dev_loss" in row}
        weights = self.average.mean()
        if not weights:
            self.kept = looks.get(self.progress.best_step, {})
            return without_ctc(self.progress.best_weights)
        self.model.load_state_dict(weights, strict=False)
        self.kept = looks[self.average.steps()[-1]] | self._dev_scores()
        return without_ctc(weights)

    def _say_progress(self, scores: str, started: float, first_step: int) -> None:
        step, progress, now = self.optimizer.step_number, self.progress, self.clock()
        epoch = progress.epoch + progress.epoch_steps / len(self.epoch.steps)
        minutes = (now - started) / max(1, step - first_step) * (self.total_steps - step) / 60
        # Of the end nothing is left to say.
        left = "" if progress.finished or minutes < 0.05 else f", {minutes:.1f} min left at most"
        self.say(f"step {step}/{self.total_steps}, epoch {epoch:.2f}{scores}{left}")
        self.say_at = now + SILENCE_S

    def _save(self) -> None:
        """What a training that is killed goes on from; when this is done changes no result."""
        before = self.clock()
        if self.ranks.is_first:
            self.checkpoints.save(self.optimizer.step_number, self._state())
        now = self.clock()
        self.save_at = now + max(SAVE_EVERY_S, (now - before) / SAVE_SHARE)

    def _stop_if_asked(self) -> None:
        stopped = self.asked_to_stop()
        if self.ranks.count > 1:  # all in the same step
            elsewhere = StoppedError("another process of this training was asked to stop", 75)
            stopped = (stopped or elsewhere) if self.asked else None
        if stopped is not None:
            self._save()
            step = self.optimizer.step_number
            self.say(f"saved at step {step}; the same command resumes from there")
            raise stopped

    def _state(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state(),
            "progress": {**vars(self.progress)},
            "average": self.average.state(),
            "history": self.history.rows,
            "random": random_states(self.device),
        }

    def _resume(self) -> None:
        state = self.ranks.from_first(self.checkpoints.load)
        if state is None:
            return
        self.optimizer.restore(state["optimizer"])
        self.progress = Progress(**state["progress"])
        self.average.restore(state["average"])
        if not self.progress.finished:
            self.epoch = plan_epoch(self.pairs_of_epoch, self.settings, self.progress.epoch)
        self.history.restore(state["history"])
        restore_random_states(state["random"], self.device)
        self.say(f"resuming from the checkpoint of step {self.optimizer.step_number}")
