"""Where the model runs: what `auto` stands for, and a GPU that is not there."""

import os

import pytest
import torch

from attn2seq.errors import UserError
from attn2seq.model.device import (
    cpu_threads,
    describe_device,
    fix_cublas_workspace,
    pick_device,
    pick_number_type,
    repeatable,
    tune_cpu,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that forgets what a test sets."""
    for name in ("CUBLAS_WORKSPACE_CONFIG", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def has_gpu(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: answer)


@pytest.mark.parametrize(
    ("name", "gpu", "expected"),
    [("auto", True, GPU), ("auto", False, CPU), ("cpu", True, CPU), ("cuda", True, GPU)],
)
def test_device(
    monkeypatch: pytest.MonkeyPatch, name: str, gpu: bool, expected: torch.device
) -> None:
    has_gpu(monkeypatch, gpu)
    assert pick_device(name, "train.device") == expected


def test_cuda_asked_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    has_gpu(monkeypatch, False)
    with pytest.raises(
        UserError,
        match=r"^train\.device is cuda, but torch sees no GPU here: set it to",
    ):
        pick_device("cuda", "train.device")


def test_a_gpu_repeats_to_the_bit_where_a_process_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuBLAS reads this when it starts, so it must stand before the first product."""
    has_gpu(monkeypatch, True)
    pick_device("auto", "train.device")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    fix_cublas_workspace()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_threads_are_as_before_after_the_block() -> None:
    before = torch.get_num_threads()
    with cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with cpu_threads(0):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("native", [True, False])
def test_number_type(monkeypatch: pytest.MonkeyPatch, device: torch.device, native: bool) -> None:
    def on_gpu(including_emulation: bool = True) -> bool:
        return native or including_emulation  # an emulated bfloat16 is slower, not faster

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", on_gpu)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert pick_number_type("auto", device) is (torch.bfloat16 if native else torch.float32)
    assert pick_number_type("float32", device) is torch.float32
    assert pick_number_type("bfloat16", device) is torch.bfloat16


def test_a_cpu_is_described_by_its_threads() -> None:
    assert describe_device(CPU) == f"CPU, {torch.get_num_threads()} threads"


def test_tuning_leaves_a_users_own_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    tune_cpu()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "10000"
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "5")
    tune_cpu()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "5"


def test_only_what_repeats_where_it_is_wanted() -> None:
    """torch has no way to put values that repeats, not on a CPU either."""
    values, places = torch.zeros(3), torch.tensor([0, 0])
    with (
        pytest.raises(UserError, match=r"^train\.deterministic is true, .* put_.* Set it to false"),
        repeatable(True, "train.deterministic"),
    ):
        values.put_(places, torch.ones(2))
    assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(False, "train.deterministic"):
        values.put_(places, torch.ones(2))
    with pytest.raises(RuntimeError, match="another"), repeatable(True, "train.deterministic"):
        raise RuntimeError("another fault")
