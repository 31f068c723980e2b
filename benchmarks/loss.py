"""The loss in chunks beside torch's own ways: time, memory, and whether the value is right.

    PYTHONPATH=src python -m benchmarks.loss

A forward and a backward pass over 2,300 target tokens at the default model's sizes, each way in a
process of its own. Time is processor time of one thread, the least of 20 rounds, as a share of the
first way's in the same number type; memory is what the process grew by beyond its inputs. Right is
the float32 value of all logits at once. With label smoothing `linear_cross_entropy` ignores its
chunks, so smoothing is added beside it: from the sum of the targets' logits and their mean.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from attn2seq.training.loss import _CrossEntropy

TOKENS, UNITS, PIECES, SMOOTHING, ROUNDS = 2_300, 256, 2_000, 0.1, 20
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def in_chunks(readout: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """The project's own."""
    loss: Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        readout, weight, bias, targets, SMOOTHING
    )
    return loss


def at_once(readout: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """The plain equation."""
    logits = F.linear(readout, weight, bias).float()
    return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=SMOOTHING)


def of_torch(readout: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """torch.nn.functional.linear_cross_entropy, from torch 2.13 on, in chunks of 512 rows."""
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=512)
    nats = F.linear_cross_entropy(
        readout, weight, targets, linear_bias=bias, reduction="sum", options=options
    )
    # sum over t of log p(target) - mean log p: the normaliser falls out of the difference.
    right = (readout * weight[targets]).float().sum() + bias[targets].float().sum()
    mean = (readout.float() @ weight.float().mean(0)).sum() + len(targets) * bias.float().mean()
    return nats.float() + SMOOTHING * (right - mean)


WAYS: dict[str, Loss] = {
    "in chunks (this project)": in_chunks,
    "all logits at once": at_once,
    "linear_cross_entropy, smoothing added": of_torch,
}


def measure(way: str, number_type: str) -> None:
    """Print seconds, MB and nats per token of one way."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    dtype = getattr(torch, number_type)
    values = [torch.randn(TOKENS, UNITS), torch.randn(PIECES, UNITS) * 0.05, torch.randn(PIECES)]
    readout, weight, bias = (value.to(dtype).requires_grad_() for value in values)
    targets = torch.randint(PIECES, (TOKENS,))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        loss = WAYS[way](readout, weight, bias, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        seconds.append(time.process_time() - begun)
        readout.grad = weight.grad = bias.grad = None
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(min(seconds), grown, loss.item() / TOKENS)


def main() -> None:
    print("| way | number type | time | memory, MB | nats per token |")
    print("|---|---|---:|---:|---:|")
    for number_type in ("bfloat16", "float32"):
        first = 0.0
        for way in WAYS:
            if way.startswith("linear") and not hasattr(F, "linear_cross_entropy"):
                continue
            command = [sys.executable, "-m", "benchmarks.loss", way, number_type]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, grown, nats = map(float, said.split())
            first = first or seconds
            print(f"| {way} | {number_type} | {seconds / first:.2f} | {grown:.0f} | {nats:.4f} |")


if __name__ == "__main__":
    measure(*sys.argv[1:]) if len(sys.argv) > 1 else main()
