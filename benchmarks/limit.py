"""What the machine can do at most: large matrix products, in the run that is compared with it."""

import statistics
import time

import torch

SIZE, REPEATS = 2048, 7


def matmul_flops(number_type: torch.dtype) -> float:
    """Floating-point operations a second of a square product of 2,048, the median of repeats."""
    left, right = (torch.randn(SIZE, SIZE).to(number_type) for _ in range(2))
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - started)
    return 2 * SIZE**3 / statistics.median(seconds[1:])
