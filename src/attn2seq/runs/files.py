"""The files of a run that MLflow shows: small ones as they are, heads of large ones, pictures.

Each is a path inside the run (as in the workspace, less `results/`), and a function that writes the
file to a path it is given, so that what a run already has is neither copied nor drawn.
"""

import shutil
import warnings
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

Write = Callable[[Path], object]

REPORT = "results/report/index.html"
CORPUS = "data/prepared/corpus.json"
WHOLE = (
    "params.yaml",
    "dvc.lock",
    "results/prepare/metrics.json",
    "results/train/history.csv",
    "results/train/metrics.json",
    "results/decode/dev/hypotheses.txt",
    "results/decode/test/hypotheses.txt",
    "results/evaluate/metrics.json",
    "results/evaluate/signatures.json",
    REPORT,
)
NBEST = "results/decode/test/nbest.jsonl"
NBEST_LINES = 100
ATTENTION = "results/decode/test/attention.npz"
ATTENTION_MAPS = 4


def artifacts_of(folder: Path, leave_out: frozenset[str]) -> dict[str, Write]:
    """What the run's folder has of them, less the paths in `leave_out`."""
    artifacts: dict[str, Write] = {}
    if (folder / CORPUS).exists():
        artifacts["corpus.json"] = partial(shutil.copyfile, folder / CORPUS)
    artifacts |= {
        path.removeprefix("results/"): partial(shutil.copyfile, folder / path)
        for path in WHOLE
        if path not in leave_out and (folder / path).exists()
    }
    if (folder / NBEST).exists():
        artifacts["decode/test/nbest_head.jsonl"] = partial(_copy_head, folder / NBEST)
    if (folder / ATTENTION).exists():
        for index in _map_indices(folder / ATTENTION):
            write = partial(_draw_attention, folder / ATTENTION, index)
            artifacts[f"decode/test/attention_{index}.png"] = write
    return artifacts


def _copy_head(source: Path, path: Path) -> None:
    with source.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as head:
        head.writelines(islice(lines, NBEST_LINES))


def _map_indices(archive: Path) -> list[int]:
    import numpy as np

    with np.load(archive) as arrays:
        indices = [int(name.removeprefix("weights_")) for name in arrays if "weights_" in name]
    return sorted(indices)[:ATTENTION_MAPS]


def _draw_attention(archive: Path, index: int, path: Path) -> None:
    """One map: a row for each target piece, the darker the more it looked at a source piece."""
    import numpy as np
    from matplotlib.figure import Figure

    with np.load(archive) as arrays:
        weights = arrays[f"weights_{index}"].astype(np.float32)
        src, tgt = arrays[f"src_{index}"], arrays[f"tgt_{index}"]
    figure = Figure(figsize=(2 + 0.35 * len(src), 1.5 + 0.3 * len(tgt)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    # A lone $ would start a formula.
    axes.set_xticks(range(len(src)), [_plain(piece) for piece in src], rotation=90)
    axes.set_yticks(range(len(tgt)), [_plain(piece) for piece in tgt])
    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes; the report has the text itself.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(path, format="png", dpi=100, metadata={"Software": None})


def _plain(piece: str) -> str:
    return str(piece).replace("$", r"\$")
