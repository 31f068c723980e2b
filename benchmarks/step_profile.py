"""Where the time of R1's training step goes, by torch's operations.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.step_profile

The steps are those that benchmarks.training_step measures, after the warm-up, under torch's
profiler, which slows them a little.
An operation's time is its own, without that of the operations it calls. What lies between the
operations (Python, and taking batches together) is in none of them: the row "outside".
"""

from collections import defaultdict
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from attn2seq.model.device import tune_cpu
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, train

SENTENCES = 64
# Rows of the table, by the operations' names, which may go on with _: `exp` is `exp_` too, and not
# `expand`. The first that fits counts.
PARTS = {
    "recurrent layers": ("mkldnn_rnn", "lstm"),
    "other products": ("addmm", "mm", "bmm", "addmv", "mv", "addbmm", "mkldnn_linear"),
    "softmax, loss": ("_log_softmax", "_softmax", "logsumexp", "nll_loss", "exp", "log", "sum",
                      "amax", "max", "gather"),
    "tanh, sigmoid": ("tanh", "sigmoid"),
    "dropout": ("bernoulli", "native_dropout", "dropout", "random", "lt"),
    "optimizer, clipping": ("_fused_adam", "_foreach", "linalg_vector_norm", "stack", "sqrt",
                            "addcdiv", "addcmul", "lerp"),
    "sums, products by element": ("add", "mul", "sub", "div", "neg", "where", "masked"),
    "copies, gathers, zeros": ("copy", "cat", "index", "_index_put", "embedding", "fill", "zero",
                               "zeros", "select", "slice", "_pack", "_pad", "clone", "empty",
                               "scatter", "put"),
}  # fmt: skip


def main() -> None:
    tune_cpu()
    place = r1_place()
    columns = [shares(place, feeding) for feeding in (False, True)]
    print(f"{f'R1, {SENTENCES} sentences':27}{'no input feeding':>18}{'input feeding':>15}")
    for name in (*PARTS, "others", "outside"):
        plain, feeding = (column.get(name, 0.0) for column in columns)
        print(f"{name:27}{plain:>18.1%}{feeding:>15.1%}")


def shares(place: Path, feeding: bool) -> dict[str, float]:
    """Of each part, its share of the time of all steps."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    watch = Watch(at_start=profiler.start, at_end=profiler.stop)
    train(place, SENTENCES, watch, input_feeding=feeding)
    found: defaultdict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        found[part(event.key)] += event.self_cpu_time_total / 1e6 / watch.seconds
    found["outside"] = 1 - sum(found.values())
    return found


def part(operation: str) -> str:
    """The row that an operation such as `aten::addmm` counts for."""
    name = operation.removeprefix("aten::")
    for row, names in PARTS.items():
        if any(name == each or name.startswith(f"{each}_") for each in names):
            return row
    return "others"


if __name__ == "__main__":
    main()
