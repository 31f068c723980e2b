"""A trained model written for other runtimes."""

import os
import tempfile
from pathlib import Path

from attn2seq.api import find_model
from attn2seq.cli.workspace import as_given, choose_model
from attn2seq.export.folder import Weights, export_model


def export(model: str | None, folder: Path, weights: Weights) -> None:
    """Write the model to `folder`, and say what was found. Raises UserError."""
    # What the exporter says of its own shapes; the check is what tells.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    here = Path.cwd()
    name = choose_model(model)
    target = as_given(folder, here)
    with tempfile.TemporaryDirectory() as scratch:
        difference = export_model(find_model(name, Path(scratch)), target, weights)
    megabytes = sum(file.stat().st_size for file in target.iterdir()) / 1e6
    print(f"{folder}: {megabytes:.1f} MB; largest difference to torch {difference:.1g}")
