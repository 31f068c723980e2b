"""What the machine can do at most: products of matrices, in the run that is compared with it."""

import statistics
import time

import torch

SIZES = {"cpu": 2048, "cuda": 8192}
WARM_UP, REPEATS = 3, 9


def product_flops(
    number_type: torch.dtype, device: torch.device | str = "cpu", rows: int | None = None
) -> float:
    """Floating-point operations a second of a square product, or of `rows` rows by such a matrix.

    The median of repeats. Few rows cost as much as reading the matrix does: that is the limit of
    searches for one sentence.
    """
    size = SIZES[torch.device(device).type]
    rows = rows or size
    inputs, weight = (
        torch.randn(count, size, device=device).to(number_type) for count in (rows, size)
    )
    seconds = []
    for _ in range(WARM_UP + REPEATS):
        synchronize(device)
        started = time.perf_counter()
        torch.nn.functional.linear(inputs, weight)
        synchronize(device)
        seconds.append(time.perf_counter() - started)
    return 2 * rows * size**2 / statistics.median(seconds[WARM_UP:])


def synchronize(device: torch.device | str) -> None:
    """Wait for what a GPU was told to do; a CPU has done it."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
