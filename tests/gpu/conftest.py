"""Fixtures of the tests that need a GPU; a rehearsal on a CPU can stand in for it.

They do with few packages: a GPU machine may have neither DVC nor MLflow.
"""

import os
import warnings
from collections.abc import Iterator

import pytest
import torch

from attn2seq.model.device import fix_cublas_workspace, full_precision

REHEARSAL = bool(os.environ.get("GPU_REHEARSAL"))


@pytest.fixture
def device() -> torch.device:
    """The GPU; the test is skipped where there is none."""
    if REHEARSAL:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    return torch.device("cuda")


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """The GPU, for what a CPU cannot even rehearse."""
    if device.type != "cuda":
        pytest.skip("a CPU cannot stand in for the GPU here")
    return device


@pytest.fixture(autouse=True)
def as_in_a_stage() -> Iterator[None]:
    """Full precision; and weights that are not in one piece are an error."""
    fix_cublas_workspace()
    with full_precision(), warnings.catch_warnings():
        warnings.filterwarnings("error", message="RNN module weights are not part")
        yield
