"""Where the model runs: what `auto` stands for, and a GPU that is not there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.backends.cudnn import rnn as cudnn_rnn

from attn2seq.errors import UserError
from attn2seq.model.device import (
    cpu_threads,
    describe_device,
    fix_cublas_workspace,
    full_precision,
    kernels_to_keep,
    memory_told,
    moved,
    pick_device,
    pick_number_type,
    repeatable,
    tune_cpu,
)
from attn2seq.model.recurrent import RecurrentLayer

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
    assert 1024 <= int(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) <= 10_000
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


@pytest.mark.parametrize(("cell", "weights"), [("lstm", 8), ("gru", 8), ("rnn", 8), ("lrn", 0)])
def test_bfloat16_weights_lie_in_one_piece_where_cudnn_reads_them(
    monkeypatch: pytest.MonkeyPatch, cell: str, weights: int
) -> None:
    """Torch's own way leaves bfloat16 out. Here no cuDNN is there: what it would be told counts."""
    told: list[tuple[Any, ...]] = []
    as_on_gpu(monkeypatch, told, 91300, (8, 0))
    layer = RecurrentLayer(cell, 3, 5, bidirectional=True)
    assert moved(layer, CPU, torch.float32) is layer
    assert not told  # torch has done it
    moved(layer, CPU, torch.bfloat16)
    assert all(weight.dtype == torch.bfloat16 for weight in layer.parameters())
    assert [(len(given[0]), *given[1:]) for given in told] == (
        [(weights, 4, 3, layer.rnn.mode, 5, 0, 1, True, True)] if weights else []
    )


@pytest.mark.parametrize(
    ("version", "capability"), [(91200, (9, 0)), (91300, (7, 5)), (None, (9, 0))]
)
def test_where_cudnn_takes_no_bfloat16_torch_computes_without_it(
    monkeypatch: pytest.MonkeyPatch, version: int | None, capability: tuple[int, int]
) -> None:
    told: list[tuple[Any, ...]] = []
    as_on_gpu(monkeypatch, told, version, capability)
    moved(RecurrentLayer("lstm", 3, 5, bidirectional=True), CPU, torch.bfloat16)
    assert not told


def as_on_gpu(
    monkeypatch: pytest.MonkeyPatch,
    told: list[tuple[Any, ...]],
    version: int | None,
    capability: tuple[int, int],
) -> None:
    """Of a GPU what the layout of weights asks for; `told` is what cuDNN would be."""
    monkeypatch.setattr(torch, "cudnn_is_acceptable", lambda weight: True)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: version)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch, "_cudnn_rnn_flatten_weight", lambda *given: told.append(given))
    monkeypatch.setattr(cudnn_rnn, "get_cudnn_mode", lambda mode: mode)


def test_a_cpu_lays_no_weights_together() -> None:
    moved(RecurrentLayer("lstm", 3, 5, bidirectional=False), CPU, torch.bfloat16)


FULL = ("ieee", "ieee", False)


def precision() -> tuple[str, str, bool]:
    layers, products = torch.backends.cudnn.rnn, torch.backends.cuda.matmul
    bfloat16_sums = products.allow_bf16_reduced_precision_reduction
    return layers.fp32_precision, products.fp32_precision, bfloat16_sums


def test_float32_is_float32_within_the_block_and_as_before_after_the_last() -> None:
    usual = precision()
    assert usual[0] == "tf32"
    assert usual[2]
    first, second = full_precision(), full_precision()  # as two threads have them
    first.__enter__()
    second.__enter__()
    assert precision() == FULL
    first.__exit__(None, None, None)
    assert precision() == FULL
    second.__exit__(None, None, None)
    assert precision() == usual
    assert torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


PRECISE = """
import torch
from attn2seq.model.device import full_precision
layers, products = torch.backends.cudnn.rnn, torch.backends.cuda.matmul
usual = layers.fp32_precision, products.fp32_precision
with full_precision():
    print(layers.fp32_precision, products.fp32_precision)
assert usual == (layers.fp32_precision, products.fp32_precision)
"""


@pytest.mark.parametrize(
    "before",
    [
        "import torch; torch.backends.cudnn.rnn.fp32_precision = 'ieee'",
        "import torch; torch.backends.cuda.matmul.fp32_precision = 'tf32'",
        "import torch; torch.set_float32_matmul_precision('high')",
        "import os; os.environ['TORCH_ALLOW_TF32_CUBLAS_OVERRIDE'] = '1'",
    ],
)
def test_whatever_a_program_or_an_image_has_set_before(before: str) -> None:
    """In a process of its own: torch mixes its older settings and its newer ones."""
    done = subprocess.run(
        [sys.executable, "-c", before + PRECISE],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("ieee ieee\n", 0), done.stderr


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_each_way_in_which_a_gpu_runs_out_of_memory_is_told(error: RuntimeError) -> None:
    with (
        pytest.raises(UserError, match=r"^out of memory on the GPU: lower it$"),
        memory_told(lambda: "lower it"),
    ):
        raise error


def test_another_error_of_a_gpu_is_not_taken_for_memory() -> None:
    with pytest.raises(RuntimeError, match="illegal"), memory_told(lambda: "lower it"):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.mark.parametrize(
    ("gigabytes", "kernels"), [(0, 1024), (2, 1024), (8, 2048), (24, 6144), (64, 10_000)]
)
def test_kernels_that_are_kept_take_a_quarter_of_the_memory(gigabytes: int, kernels: int) -> None:
    assert kernels_to_keep(gigabytes << 30) == kernels
