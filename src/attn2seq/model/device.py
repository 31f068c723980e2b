"""Where the model runs, in which kind of number, and what is said where memory runs out."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from typing import Any, TypeVar

import torch
from torch import nn
from torch.backends.cudnn import rnn as cudnn_rnn

from attn2seq.errors import UserError


def pick_device(name: str, key: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises UserError, which names the setting `key`, where
    `cuda` is asked in vain.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{key} is cuda, but torch sees no GPU here: set it to auto or cpu")
    return torch.device(name)


def pick_number_type(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where the processor multiplies it natively, else float32."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


Module = TypeVar("Module", bound=nn.Module)


def moved(model: Module, device: torch.device, number_type: torch.dtype) -> Module:
    """The model itself, on the device and in that number type."""
    model.to(device, number_type)
    for layer in model.modules():
        if isinstance(layer, nn.RNNBase):
            _flatten_weights(layer)
    return model


def _flatten_weights(layer: nn.RNNBase) -> None:
    """Lay the weights in one piece, as cuDNN reads them; else each call would copy all of them.

    torch does so when a layer is moved, but leaves out bfloat16, which cuDNN takes all the same.
    """
    weight = next(layer.parameters())
    if weight.dtype != torch.bfloat16 or not _cudnn_takes_bfloat16(weight):
        return
    with torch.no_grad(), torch.cuda.device_of(weight):
        torch._cudnn_rnn_flatten_weight(
            [part for part in layer._flat_weights if part is not None],
            4 if layer.bias else 2,
            layer.input_size,
            cudnn_rnn.get_cudnn_mode(layer.mode),
            layer.hidden_size,
            layer.proj_size,
            layer.num_layers,
            layer.batch_first,
            layer.bidirectional,
        )


def _cudnn_takes_bfloat16(weight: nn.Parameter) -> bool:
    """Whether torch hands cuDNN a recurrent layer of such weights: elsewhere laying them out fails,
    and torch computes without it. From cuDNN 9.13 and compute capability 8 on.
    """
    return (
        torch.cudnn_is_acceptable(weight)
        and (torch.backends.cudnn.version() or 0) >= 91300
        and torch.cuda.get_device_capability(weight.device) >= (8, 0)
    )


@contextmanager
def full_precision() -> Iterator[None]:
    """Within the block a GPU computes in the number type that it is asked for.

    By default recurrent layers in float32 multiply in TF32, with 10 bits of 23, and products of
    bfloat16 may be summed in bfloat16; TORCH_ALLOW_TF32_CUBLAS_OVERRIDE, which some images set, has
    products in float32 multiply in TF32, too. The settings are the process's; the last block to end
    puts them back.
    """
    with _PRECISION:
        if not _PRECISION_BLOCKS:
            _USUAL_PRECISION[:] = [_set_precision(("ieee", "ieee", False))]
        _PRECISION_BLOCKS.append(None)
    try:
        yield
    finally:
        with _PRECISION:
            _PRECISION_BLOCKS.pop()
            if not _PRECISION_BLOCKS:
                _set_precision(_USUAL_PRECISION.pop())


_PRECISION = Lock()
_PRECISION_BLOCKS: list[None] = []
# Of recurrent layers and of products in float32, and whether bfloat16 may be summed in bfloat16.
Precision = tuple[str, str, bool]
_USUAL_PRECISION: list[Precision] = []


def _set_precision(wanted: Precision) -> Precision:
    """Returns what was set before."""
    # Not the older allow_tf32: asked for its value, it raises where a program has set a newer one.
    layers: Any = cudnn_rnn  # what torch makes of the module has the setting
    products = torch.backends.cuda.matmul
    before = (
        layers.fp32_precision,
        products.fp32_precision,
        products.allow_bf16_reduced_precision_reduction,
    )
    layers.fp32_precision, products.fp32_precision = wanted[:2]
    products.allow_bf16_reduced_precision_reduction = wanted[2]
    return before


@contextmanager
def repeatable(wanted: bool, key: str) -> Iterator[None]:
    """Within the block, if wanted, only operations that repeat to the byte on a GPU, too.

    Raises UserError, which names the setting `key`, at an operation that cannot.
    """
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    except RuntimeError as error:
        if not wanted or "deterministic" not in str(error):
            raise
        raise UserError(
            f"{key} is true, and an operation of this model is not deterministic on this device: "
            f"{str(error).partition('. ')[0]}. Set it to false, or the device to cpu"
        ) from None
    finally:
        torch.use_deterministic_algorithms(False)


def describe_device(device: torch.device) -> str:
    """The device in words: the GPU's name, or the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """torch's number of CPU threads within the block; 0 leaves it as it is.

    It is the process's, so only one block at a time changes it; the others wait.
    """
    if count in (0, torch.get_num_threads()):
        yield
        return
    with _CHANGING_THREADS:
        usual = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(usual)


_CHANGING_THREADS = RLock()


def fix_cublas_workspace() -> None:
    """Let cuBLAS repeat to the bit, in recurrent layers too: only with a workspace of fixed size
    does it. Call it before the first product on a GPU, in a process of our own.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


# oneDNN's own number of kernels, and one beyond which more are of no use. Those of LSTM layers take
# up to a megabyte each, and may have a quarter of the memory.
FEWEST_KERNELS, MOST_KERNELS, KERNEL_BYTES = 1024, 10_000, 1 << 20


def kernels_to_keep(memory_bytes: int) -> int:
    """How many compiled kernels fit a machine of so much memory."""
    return min(max(memory_bytes // 4 // KERNEL_BYTES, FEWEST_KERNELS), MOST_KERNELS)


def _memory_bytes() -> int:
    """Of this machine; 0 where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def tune_cpu() -> None:
    """Let a CPU keep what each training step needs again; call it before the first product, in a
    process of our own: it holds for all of it.

    Freed buffers: glibc hands large ones back to the system, and taking them anew at each step
    costs page faults, which can take longer than what is done in them. Compiled kernels: oneDNN
    makes one for each new shape of a product, and batches of all lengths have more shapes than it
    remembers by default. Neither changes a result.
    """
    kept = kernels_to_keep(_memory_bytes())
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(kept))
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version"):
        m_trim_threshold, m_mmap_max = -1, -4  # malloc.h
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


# What the allocators of torch and oneDNN say on a CPU.
CPU_SIGNS = ("can't allocate memory", "not enough memory", "could not create a memory")
# What the libraries say that take a GPU's memory without torch's allocator.
GPU_SIGNS = (
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DEVICE_ALLOCATION_FAILED",
)


@contextmanager
def memory_told(remedy: Callable[[], str]) -> Iterator[None]:
    """Turns running out of memory within the block into a UserError that says the remedy."""
    try:
        yield
    except MemoryError:
        raise UserError(f"out of memory: {remedy()}") from None
    except RuntimeError as error:
        on_gpu = isinstance(error, torch.OutOfMemoryError) or any(
            sign in str(error) for sign in GPU_SIGNS
        )
        if not on_gpu and not any(sign in str(error) for sign in CPU_SIGNS):
            raise
        raise UserError(f"out of memory{' on the GPU' if on_gpu else ''}: {remedy()}") from None
