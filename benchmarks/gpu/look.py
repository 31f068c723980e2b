"""The machine: versions, the GPU, and how fast it multiplies and copies."""

import platform
import subprocess

import numpy as np
import torch

from attn2seq.runs.circumstances import processor
from benchmarks.gpu.workspace import device, say
from benchmarks.limit import product_flops
from benchmarks.machine import commit

CLOCKS = "clocks.sm,clocks.mem,driver_version,memory.total"


def main() -> None:
    where = device()
    say(
        {
            "commit": commit(),
            "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
            f"numpy {np.__version__}, cuDNN {torch.backends.cudnn.version()}",
            "CPU": f"{processor()}, {torch.get_num_threads()} threads",
        }
    )
    if where.type == "cuda":
        say({"GPU": torch.cuda.get_device_properties(where)})
        asked = ["nvidia-smi", f"--query-gpu={CLOCKS}", "--format=csv,noheader"]
        say({CLOCKS: subprocess.run(asked, capture_output=True, text=True).stdout.strip()})
        flops = product_flops(torch.bfloat16, where)
        say({"products in bfloat16, TFLOP/s": f"{flops / 1e12:.0f}"})


if __name__ == "__main__":
    main()
