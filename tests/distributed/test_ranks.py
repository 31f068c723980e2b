"""Which part a process has, what a launcher's variables say, and processes that end too soon."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from attn2seq.distributed.ranks import ALONE, Ranks, is_helper, launched
from attn2seq.errors import UserError
from attn2seq.model.drawing import Share, drawing, drawn
from attn2seq.model.dropout import dropout, step_mask

SOURCES = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("sentences", [1, 3, 7])
def test_each_sentence_is_one_processes(sentences: int, count: int) -> None:
    rows = []
    for rank in range(count):
        share = Ranks(rank, count).share(sentences)
        assert share is not None
        assert share.of == sentences
        assert share.idle == (rank >= sentences)
        rows += [] if share.idle else list(range(sentences))[share.rows]
        assert list(range(sentences))[share.rows]  # one that is idle draws for a sentence, too
    assert sorted(rows) == list(range(sentences))
    assert ALONE.share(sentences) is None


@pytest.mark.parametrize("count", [2, 3, 8])
def test_the_shares_have_like_numbers_of_tokens(count: int) -> None:
    """A batch is sorted by length, so that no share has more than one longest sentence more."""
    lengths = np.sort(np.random.default_rng(1).integers(1, 60, 150))
    tokens = []
    for rank in range(count):
        share = Ranks(rank, count).share(len(lengths))
        assert share is not None
        tokens.append(lengths[share.rows].sum())
    assert max(tokens) - min(tokens) <= 59


@pytest.mark.parametrize("over_time", [False, True])
def test_shares_of_what_is_drawn_make_the_whole(over_time: bool) -> None:
    """And the generator is left where one process leaves it."""
    x_BTH = torch.rand(5, 4, 3)
    torch.manual_seed(1)
    whole = dropout(x_BTH, 0.5, True, over_time)
    after = torch.rand(2)
    joined = torch.zeros_like(x_BTH)
    for rank in range(2):
        torch.manual_seed(1)
        share = Ranks(rank, 2).share(5)
        assert share is not None
        with drawing(share):
            joined[share.rows] = dropout(x_BTH[share.rows], 0.5, True, over_time)
        assert torch.equal(torch.rand(2), after)
    assert torch.equal(joined, whole)
    assert len(drawn(torch.rand, x_BTH.shape)) == 5  # nothing is left of a share


@pytest.mark.parametrize("rows", [2, 1])
def test_a_mask_on_a_gpu_lies_in_memory_as_that_of_the_whole_batch(rows: int) -> None:
    """Where it lies decides what each unit draws. Layers of cuDNN have positions outermost."""
    whole, own = (torch.empty(4, batch, 3, device="meta").transpose(0, 1) for batch in (6, rows))
    expected = step_mask(whole, 0.5, True)
    share = Share(slice(0, rows), 6, False)
    with drawing(share):
        mask = step_mask(own, 0.5, True)
        plain = step_mask(torch.empty(rows, 4, 3, device="meta"), 0.5, True)
    assert mask is not None
    assert expected is not None
    assert plain is not None
    assert mask.shape == own.shape
    assert mask.stride() == expected.stride() == (3, 18, 1)
    assert plain.stride() == (12, 3, 1)


def test_without_a_launch_nothing_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched(1, environment={}) is None
    assert launched(4, environment={"RANK": "1"}) is None
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert not is_helper()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert is_helper()


def test_what_a_launch_says() -> None:
    variables = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    found = launched(8, environment=variables)
    assert found is not None
    assert (found.rank, found.count, found.local_rank, found.local_count) == (5, 8, 1, 4)
    assert not found.is_first
    assert found.named("name") == "name-8x4"
    assert found.threads(10) == 2
    assert found.threads(3) == 1
    # As clusters start one process a machine.
    found = launched(2, environment={"RANK": "1", "WORLD_SIZE": "2"})
    assert found is not None
    assert (found.local_rank, found.local_count) == (0, 1)
    assert Ranks(0, 4, 0, 4).named("name") == "name-4"
    assert ALONE.named("name") == "name"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"RANK": "0", "WORLD_SIZE": "4"}, r"4 processes were launched \(WORLD_SIZE\), and train."),
        ({"RANK": "two", "WORLD_SIZE": "4"}, "contradict each other: RANK=two, WORLD_SIZE=4"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "contradict each other: RANK=2, WORLD_SIZE=2, LOCAL_"),
    ],
)
def test_a_launch_that_contradicts_itself_or_the_settings(
    variables: dict[str, str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        launched(2, environment=variables)


def test_too_few_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    told = "4 processes are to run on this machine, .* torch sees 1: lower processes"
    for rank in (0, 1):  # the first does not begin what the others cannot help with
        with pytest.raises(UserError, match=told):
            Ranks(rank, 4, rank, 4).device(torch.device("cuda"))
    assert ALONE.device(torch.device("cuda")) == torch.device("cuda")
    assert Ranks(1, 4, 1, 4).device(torch.device("cpu")) == torch.device("cpu")


SCRIPT = """
import sys
import torch
from attn2seq.distributed.helpers import together
from attn2seq.errors import UserError
with together(3, [sys.executable, "-c", sys.argv[1], sys.argv[1]]) as ranks:
    if ranks.rank == 2:
        sys.exit("its own reason")
    try:
        with ranks.met(torch.device("cpu")):
            ranks.add_up([torch.ones(2)])
    except UserError as error:
        sys.exit(str(error))
"""


@pytest.mark.long
@pytest.mark.promise("killed")
def test_one_that_ends_before_the_processes_met() -> None:
    """Nobody waits for it, though those that wait are in a library that knows of nothing."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, SCRIPT],
        env=os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert (
        "process 2 of 3 (counted from 0) ended with 1; the same command resumes from the last "
        "checkpoint. It said: its own reason"
    ) in done.stderr
