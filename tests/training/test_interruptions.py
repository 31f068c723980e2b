"""Training that is told to stop saves its state, and goes on to the same bytes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_runs import digest

from attn2seq.errors import StoppedError, UserError
from attn2seq.training.loop import Trainer
from attn2seq.workspace.stop_requests import TIME_LIMIT, stop_requests

CHANGES: dict[str, Any] = {
    "readout_dropout": 0.2, "max_epochs": 9, "max_steps": 40, "schedule": "cosine",
    "warmup_steps": 7, "log_every_steps": 4,
}  # fmt: skip


@pytest.mark.promise("stopped")
@pytest.mark.parametrize("step", [1, 3, 4, 10, 39])
def test_a_stop_at_any_step_changes_nothing(trainer: Callable[..., Trainer], step: int) -> None:
    """Before the first row of the curve, between rows, at a row, at a look at dev, near the end."""
    whole = trainer("whole", **CHANGES)
    expected = digest(whole.run())
    broken = trainer("broken", **CHANGES)
    broken.asked_to_stop = lambda: (
        StoppedError("enough", 75) if broken.optimizer.step_number == step else None
    )
    with pytest.raises(StoppedError, match="enough"):
        broken.run()
    resumed = trainer("broken", **CHANGES)
    assert digest(resumed.run()) == expected
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()


@pytest.mark.promise("killed")
@pytest.mark.parametrize("killed_after", [7, 23])
def test_killed_between_two_looks_little_is_lost(
    trainer: Callable[..., Trainer], killed_after: int
) -> None:
    """Six seconds a step: the first checkpoint after 20 s, without a look at dev, and then each 180
    s. What ends the training asks for nothing, as SIGKILL does.
    """
    seldom = CHANGES | {"evaluate_every_steps": 100}
    whole = trainer("whole", **seldom)
    expected = digest(whole.run())
    broken = trainer("broken", **seldom)
    broken.clock = lambda: 6.0 * broken.optimizer.step_number
    saved: list[int] = []
    save = broken.checkpoints.save
    broken.checkpoints.save = (  # type: ignore[method-assign]
        lambda step, state: (saved.append(step), save(step, state))[1]
    )

    def kill() -> None:
        if broken.optimizer.step_number == killed_after + 15:
            raise RuntimeError("killed")

    broken.asked_to_stop = kill
    with pytest.raises(RuntimeError, match="killed"):
        broken.run()
    assert saved == [4, 34][: 1 + (killed_after == 23)]
    resumed = trainer("broken", **seldom)
    said: list[str] = []
    resumed.say = said.append
    assert digest(resumed.run()) == expected
    assert said[0] == f"resuming from the checkpoint of step {saved[-1]}"
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()


def test_checkpoints_by_the_clock_take_a_small_share(trainer: Callable[..., Trainer]) -> None:
    """Where writing takes long, they come seldom."""
    slow = trainer("slow", **CHANGES | {"evaluate_every_steps": 100})
    now = [0.0]
    slow.clock = lambda: now[0]
    times: list[float] = []

    def save(step: int, state: object) -> None:
        times.append(now[0])
        now[0] += 4.0

    def step() -> None:
        now[0] += 30.0

    slow.checkpoints.save = save  # type: ignore[method-assign]
    slow.asked_to_stop = step
    slow.run()
    first, second, _ = times  # the last is that of the end
    assert first == 30.0
    assert 4.0 / (second - first) < 0.01


def test_a_log_has_a_line_every_half_minute(trainer: Callable[..., Trainer]) -> None:
    """Where no progress bar is seen; and nothing is left at the end."""
    quiet = trainer("quiet", **CHANGES | {"evaluate_every_steps": 100})
    said: list[tuple[float, str]] = []
    quiet.clock = lambda: 4.0 * quiet.optimizer.step_number
    quiet.say = lambda text: said.append((quiet.clock(), text))
    quiet.run()
    times = [time for time, _ in said]
    assert max(later - before for before, later in zip([0.0, *times], times, strict=False)) <= 30
    assert said[0][1].startswith("step 7/40, epoch ")
    assert said[0][1].endswith(" 2.2 min left at most")
    assert "left" not in said[-1][1]


SWITCHES: list[dict[str, Any]] = [
    {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.5},
    {"optimizer": "rmsprop", "momentum": 0.9},
    {"weight_decay": 0.01, "optimizer": "adamw"},
    {"schedule": "step", "schedule_every_steps": 4},
    {"schedule": "plateau", "learning_rate": 0.3},
    {"accumulate_batches": 3},
    {"ema_decay": 0.9},
    {"ema_decay": 0.9, "number_type": "bfloat16", "optimizer": "sgd", "momentum": 0.5},
    {"average_checkpoints": 3, "average_of": "last"},
    {"average_checkpoints": 3, "average_of": "best", "learning_rate": 0.3},
    {"src_word_dropout": 0.2},
    {"r_drop": 2.0},
    {"ctc_weight": 0.3, "number_type": "bfloat16", "accumulate_batches": 2},
    {"scheduled_sampling": 0.8},
    {"max_tokens": 3, "too_long": "truncate"},
    {"freeze_embeddings": True},
]


@pytest.mark.promise("stopped")
@pytest.mark.parametrize("changes", SWITCHES, ids=lambda changes: ",".join(changes))
def test_a_stop_changes_nothing_whatever_is_switched_on(
    trainer: Callable[..., Trainer], changes: dict[str, Any]
) -> None:
    """Between two looks, with others before and after it; and each switch changes the training."""
    tiny = {"readout_dropout": 0.2, "max_epochs": 9, "max_steps": 16, "evaluate_every_steps": 3}
    whole = trainer("whole", **tiny, **changes)
    expected = digest(whole.run())
    broken = trainer("broken", **tiny, **changes)
    broken.asked_to_stop = lambda: (
        StoppedError("enough", 75) if broken.optimizer.step_number == 10 else None
    )
    with pytest.raises(StoppedError, match="enough"):
        broken.run()
    resumed = trainer("broken", **tiny, **changes)
    assert digest(resumed.run()) == expected
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()
    assert resumed.kept == whole.kept
    shared = {name: changes[name] for name in ("learning_rate", "max_tokens") if name in changes}
    plain = trainer("plain", **tiny, **shared)
    assert digest(plain.run()) != expected or plain.history.rows != whole.history.rows


@pytest.mark.promise("stopped")
@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "asked to stop (SIGTERM)")],
)
def test_a_signal_is_a_request_and_the_next_one_is_not(number: int, said: str) -> None:
    usual = signal.getsignal(number)
    with stop_requests(started=0.0) as requests:
        assert requests() is None
        os.kill(os.getpid(), number)
        stopped = requests()
        assert stopped is not None
        assert (str(stopped), stopped.status) == (said, 128 + number)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(number) is usual


@pytest.mark.promise("stopped")
def test_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIME_LIMIT, "0.5")
    with stop_requests(started=-1e9) as requests:
        stopped = requests()
    assert stopped is not None
    assert stopped.status == 75
    assert str(stopped) == "the 0.5 minutes of TRAIN_MAX_MINUTES are up"


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan"])
def test_a_time_limit_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(TIME_LIMIT, text)
    with (
        pytest.raises(UserError, match=f"TRAIN_MAX_MINUTES must be .* above 0, got '{text}'"),
        stop_requests(started=0.0),
    ):
        pass


LONG_BATCH = "has 64 pairs of up to 301 source and 301 target tokens"
SHORT_OF_MEMORY = [
    # seed, MiB left, what is told, the step of the checkpoint that stays
    (1, 1000, f"the batch of step 2 {LONG_BATCH}", 1),
    pytest.param(2, 1000, f"the batch of step 1 {LONG_BATCH}", None, marks=pytest.mark.long),
    pytest.param(1, 485, "after step 1. Lower the sizes in model", None, marks=pytest.mark.long),
]


@pytest.mark.promise("memory")
@pytest.mark.parametrize(("seed", "mib", "told", "kept"), SHORT_OF_MEMORY)
def test_running_out_of_memory_names_the_batch_and_the_remedy(
    tmp_path: Path, seed: int, mib: int, told: str, kept: int | None
) -> None:
    """For real: the process may not take more than a little above what it holds.

    Whether the batch of short pairs comes first, for which there is room, follows from the seed.
    """
    script = Path(__file__).parents[1] / "short_of_memory.py"
    command = [sys.executable, str(script), str(tmp_path), str(seed), str(mib)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"out of memory: {told}" in done.stdout
    if "batch" in told:
        assert "Lower train.batch_tokens (100000), train.max_tokens (1000)" in done.stdout
    assert f"the last checkpoint is kept in {tmp_path / 'checkpoints'}" in done.stdout
    assert done.stdout.endswith(f"kept: {kept}\n")


@pytest.mark.promise("not finite")
def test_a_loss_that_becomes_no_number_keeps_the_checkpoint_before(
    trainer: Callable[..., Trainer],
) -> None:
    """The weights are spoilt after step 14; the checkpoint of step 10 leads to the same end."""
    whole = trainer("whole", **CHANGES)
    expected = digest(whole.run())
    broken = trainer("broken", **CHANGES)

    def spoil() -> None:
        if broken.optimizer.step_number == 14:
            broken.model.output.bias.data.fill_(float("nan"))

    broken.asked_to_stop = spoil
    told = r"stopped at step 15: .*training pairs, counted from 0: \[\d.*checkpoint is kept in .*"
    with pytest.raises(UserError, match=told):
        broken.run()
    resumed = trainer("broken", **CHANGES)
    assert digest(resumed.run()) == expected
    assert resumed.history.path.read_bytes() == whole.history.path.read_bytes()
