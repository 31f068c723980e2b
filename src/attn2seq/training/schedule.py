"""The learning rate over the course of training."""

import math

from attn2seq.training.settings import TrainSettings


def rate_factor(settings: TrainSettings, step: int, total_steps: int, rate_cuts: int) -> float:
    """The share of the highest rate used in optimizer step `step`, counted from 1.

    Over the warm-up it rises linearly to 1. Then: constant; cosine, down to 0 at
    `total_steps` (Loshchilov and Hutter 2017, without restarts); step, which falls by a factor
    each so many steps; plateau, which fell by that factor `rate_cuts` times so far; or
    inverse_sqrt, the square root of warmup/step (Vaswani et al. 2017, section 5.3).

    `cosine` in step 150 of 200 with a warm-up of 100 gives 0.5: half of the way is left.
    """
    warmup_steps = settings.warmup_steps
    if step < warmup_steps:
        return step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    match settings.schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case "step":
            falls = (step - max(1, warmup_steps)) // settings.schedule_every_steps
            return settings.schedule_factor**falls
        case "plateau":
            return settings.schedule_factor**rate_cuts
        case "inverse_sqrt":
            return math.sqrt(max(1, warmup_steps) / step)
