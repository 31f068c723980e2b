"""Out of memory, told in words: torch has an error of its own for a GPU, and none for a CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from attn2seq.errors import UserError

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
