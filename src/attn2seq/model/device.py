"""Where the model runs, in which kind of number, and what is said where memory runs out."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock

import torch

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


def for_device(sizes: Mapping[str, int], device: torch.device) -> int:
    """The size that suits the kind of device; that of a CPU where none is given for it."""
    return sizes.get(device.type, sizes["cpu"])


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


def tune_cpu() -> None:
    """Let a CPU keep what each training step needs again; call it before the first product, in a
    process of our own: it holds for all of it.

    Freed buffers: glibc hands large ones back to the system, and taking them anew at each step
    costs page faults, which can take longer than what is done in them. Compiled kernels: oneDNN
    makes one for each new shape of a product, and batches of all lengths have more shapes than it
    remembers by default. Neither changes a result.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "10000")
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version"):
        m_trim_threshold, m_mmap_max = -1, -4  # malloc.h
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


# What the allocators of torch and oneDNN say on a CPU.
CPU_SIGNS = ("can't allocate memory", "not enough memory", "could not create a memory")


@contextmanager
def memory_told(remedy: Callable[[], str]) -> Iterator[None]:
    """Turns running out of memory within the block into a UserError that says the remedy."""
    try:
        yield
    except MemoryError:
        raise UserError(f"out of memory: {remedy()}") from None
    except RuntimeError as error:
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        if not on_gpu and not any(sign in str(error) for sign in CPU_SIGNS):
            raise
        raise UserError(f"out of memory{' on the GPU' if on_gpu else ''}: {remedy()}") from None
