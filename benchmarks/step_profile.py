"""Where the time of R1's training step goes, by torch's operations.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.step_profile

The steps are those that benchmarks.training_step measures, after the warm-up, under torch's
profiler, which slows them a little. Milliseconds of a step, and their share of it; beside them the
time that the model's products alone would take at the speed of a large product, measured in the
same run before and after.
An operation's time is its own, without that of the operations it calls. What lies between the
operations (Python, and taking batches together) is in none of them: the row "outside".
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from attn2seq.model.device import tune_cpu
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure

SENTENCES, STEPS = 64, 90
# Rows of the table, by the operations' names, which may go on with _: `exp` is `exp_` too, and not
# `expand`. The first that fits counts.
PARTS = {
    "recurrent layers": ("mkldnn_rnn", "lstm"),
    "other products": ("addmm", "mm", "bmm", "addmv", "mv", "addbmm", "mkldnn_linear"),
    "softmax, loss": ("_log_softmax", "_softmax", "logsumexp", "nll_loss", "exp", "log", "sum",
                      "amax", "max", "gather"),
    "tanh, sigmoid": ("tanh", "sigmoid", "addcmul"),
    "dropout": ("bernoulli", "native_dropout", "dropout", "random", "lt"),
    "optimizer, clipping": ("_fused_adam", "_foreach", "linalg_vector_norm", "stack", "sqrt",
                            "addcdiv", "lerp"),
    "sums, products by element": ("add", "mul", "sub", "div", "neg", "where", "masked"),
    "copies, gathers, zeros": ("copy", "cat", "index", "_index_put", "embedding", "fill", "zero",
                               "zeros", "select", "slice", "_pack", "_pad", "clone", "empty",
                               "scatter", "put"),
}  # fmt: skip


def main() -> None:
    tune_cpu()
    place = r1_place()
    plain, feeding = (profiled(place, feeding) for feeding in (False, True))
    print(
        f"{f'R1, {SENTENCES} sentences, ms a step':27}{'no input feeding':>18}{'input feeding':>18}"
    )
    for name in (*PARTS, "others", "outside", "together", "products at the limit"):
        print(f"{name:30}{cell(plain, name)}{cell(feeding, name)}")


def cell(milliseconds: Mapping[str, float], name: str) -> str:
    """A part's time, and its share of the whole."""
    share = milliseconds.get(name, 0.0) / milliseconds["together"]
    return f"{milliseconds.get(name, 0.0):>10.1f}{share:>8.1%}"


def profiled(place: Path, feeding: bool) -> dict[str, float]:
    """Of each part, its milliseconds of a step."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    watch = Watch(at_start=profiler.start, at_end=profiler.stop, windows=1, steps=STEPS)
    speed = measure(place, SENTENCES, feeding, watch)
    found: defaultdict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        found[part(event.key)] += event.self_cpu_time_total / 1e3 / STEPS
    together = watch.seconds[0] * 1e3 / STEPS
    found["outside"] = together - sum(found.values())
    return found | {
        "together": together,
        "products at the limit": watch.tokens[0] / STEPS / speed.limit * 1e3,
    }


def part(operation: str) -> str:
    """The row that an operation such as `aten::addmm` counts for."""
    name = operation.removeprefix("aten::")
    for row, names in PARTS.items():
        if any(name == each or name.startswith(f"{each}_") for each in names):
            return row
    return "others"


if __name__ == "__main__":
    main()
