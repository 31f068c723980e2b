"""The learning rate over the course of training."""

import math


def rate_factor(schedule: str, step: int, warmup_steps: int, total_steps: int) -> float:
    """The share of the highest rate used in optimizer step `step`, counted from 1.

    Over the warm-up it rises linearly to 1. Then: constant; linear or cosine down to 0 at
    `total_steps` (Loshchilov and Hutter 2017, without restarts); or inverse_sqrt, the square root
    of warmup/step (Vaswani et al. 2017, section 5.3).

    `rate_factor("linear", 150, 100, 200)` gives `0.5`: half of the way from 100 to 200 is left.
    """
    if step < warmup_steps:
        return step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case "inverse_sqrt":
            return math.sqrt(max(1, warmup_steps) / max(1, step))
    raise ValueError(f"no schedule {schedule}")
