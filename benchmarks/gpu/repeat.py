"""Training with train.deterministic gives the same bytes twice, and after a stop and a resume.

In float32 the training is stopped with SIGTERM and in bfloat16 with SIGKILL, once it has left a
checkpoint; another model copies words, which adds numbers in places that meet.
"""

import hashlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.gpu.workspace import rehearsal, say, started
from benchmarks.tables.runs import Changes, environment_of, run_stages

STEPS, BETWEEN = (6, 2) if rehearsal() else (60, 10)
TRAIN = {
    "deterministic": True, "max_steps": STEPS, "evaluate_every_steps": BETWEEN,
    "log_every_steps": BETWEEN,
}  # fmt: skip
KINDS: dict[str, Changes] = {
    "float32": {"train": TRAIN | {"number_type": "float32"}},
    "bfloat16": {"train": TRAIN | {"number_type": "bfloat16"}},
    "copying": {
        "train": TRAIN | {"number_type": "float32"},
        "model": {"copying": True, "coverage": True},
    },
    "Transformer": {
        "train": TRAIN | {"number_type": "bfloat16"},
        "model": {
            "encoder": "transformer", "decoder": "transformer", "bidirectional": "none",
            "encoder_hidden_size": 16 if rehearsal() else 256, "attention": "multi_head",
            "readout_size": 0, "feed_forward_size": 64 if rehearsal() else 1024,
        },
    },
}  # fmt: skip
STOPPED_BY = {"float32": signal.SIGTERM, "bfloat16": signal.SIGKILL}
AT_ONCE = 1 if rehearsal() else 5
POLL_SECONDS = 0.02


def main() -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {
            (kind, way): pool.submit(trained, kind, way)
            for kind in KINDS
            for way in ("once", "again", *(["resumed"] if kind in STOPPED_BY else []))
        }
    failed = False
    for kind in KINDS:
        ends = {}
        for (of, way), run in runs.items():
            if of == kind:
                error = run.exception()
                ends[way] = run.result() if error is None else f"failed: {error}"
        equal = len(set(ends.values())) == 1 and "failed" not in ends["once"]
        failed |= not equal
        say({f"{kind}, {', '.join(ends)}": "the same bytes" if equal else ends})
    sys.exit(failed)


def trained(kind: str, way: str) -> str:
    """The sha256 of the weights and of the curve."""
    place = started("default", f"repeat-{kind}-{way}", KINDS[kind])
    if way == "resumed":
        stop(place, STOPPED_BY[kind])
    run_stages(place, ["train"])
    digest = hashlib.sha256()
    for path in ("models/trained/model.safetensors", "results/train/history.csv"):
        digest.update((place / path).read_bytes())
    return digest.hexdigest()[:16]


def stop(place: Path, by: signal.Signals) -> None:
    """Train, and stop it after its first checkpoint. Raises RuntimeError where it was too fast."""
    with (
        (place / "stopped.txt").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "pipeline.train"], cwd=place, env=environment_of(place),
            stdout=log, stderr=log,
        ) as process,
    ):  # fmt: skip
        while process.poll() is None:
            if any(place.glob(".cache/checkpoints/*/step-*.pt")):
                process.send_signal(by)
                break
            time.sleep(POLL_SECONDS)
        process.wait()
    if (place / "models/trained").exists() or not any(place.glob(".cache/checkpoints/*/step-*.pt")):
        raise RuntimeError(f"not stopped half-way; see {place / 'stopped.txt'}")


if __name__ == "__main__":
    main()
