"""What the machine can do at most: products of matrices, in the run that is compared with it.

The products of a model are counted from its weights, the time that they would take from the speed
of a large product.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from attn2seq.model.seq2seq import Seq2Seq

SIZES = {"cpu": 2048, "cuda": 8192}
WARM_UP, REPEATS = 3, 9
IN_A_GRAPH = 20


def product_flops(
    number_type: torch.dtype, device: torch.device | str = "cpu", rows: int | None = None
) -> float:
    """Floating-point operations a second of a square product, or of `rows` rows by such a matrix.

    The median of repeats. Few rows cost as much as reading the matrix does: that is the limit of
    searches for one sentence. On a GPU each repeat is many products, started one after the other,
    so that what one takes to start is not in it.
    """
    size = SIZES[torch.device(device).type]
    rows = rows or size
    inputs, weight = (
        torch.randn(count, size, device=device).to(number_type) for count in (rows, size)
    )
    product = partial(torch.nn.functional.linear, inputs, weight)
    timed = seconds_on_gpu if torch.device(device).type == "cuda" else seconds_on_cpu
    return 2 * rows * size**2 / statistics.median(timed(product)[WARM_UP:])


def seconds_on_cpu(product: Callable[[], object]) -> list[float]:
    """Of each repeat."""
    seconds = []
    for _ in range(WARM_UP + REPEATS):
        started = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - started)
    return seconds


def seconds_on_gpu(product: Callable[[], object]) -> list[float]:
    """Of one among many that are one graph, for each replay of it: the host starts all at once."""
    product()  # the library chooses its kernel at the first call
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_A_GRAPH):
            product()
    seconds = []
    for _ in range(WARM_UP + REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        seconds.append(start.elapsed_time(end) / 1000 / IN_A_GRAPH)
    return seconds


def multiply_adds(model: Seq2Seq) -> tuple[int, int]:
    """Of a source and of a target token: the weights that it is multiplied with.

    For models with additive attention. The products of scores and contexts are left out, and the
    bridge, which runs once a sentence: together less than one in a hundred.
    """

    def count(module: nn.Module) -> int:
        return sum(weight.numel() for weight in module.parameters() if weight.dim() == 2)

    # The attention's keys are made of the source.
    keys = dict(model.decoder.named_parameters())["attention.key.weight"].numel()
    tgt = count(model.decoder) - count(model.decoder.bridge) - keys + count(model.output)
    return count(model.encoder) + keys, tgt


def training_flop(model: Seq2Seq, src_tokens: int, tgt_tokens: int) -> float:
    """Operations of a training step on so many tokens: two a multiply-add, in three products.

    The backward pass has two products for each one of the forward pass.
    """
    src_macs, tgt_macs = multiply_adds(model)
    return 3 * 2 * (src_macs * src_tokens + tgt_macs * tgt_tokens)


def synchronize(device: torch.device | str) -> None:
    """Wait for what a GPU was told to do; a CPU has done it."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
