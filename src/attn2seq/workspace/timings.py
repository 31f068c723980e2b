"""How long stages took, noted for each result: `train 495.7 s` is said of the weights it made.

Times are no outputs, since they would change a result's digest: they lie in the main repository's
cache, under the digest of what the stage wrote.
"""

import json
from pathlib import Path

from attn2seq.whole import write_json
from attn2seq.workspace.fingerprint import Outs, digest
from attn2seq.workspace.paths import TIMINGS


def note_seconds(root: Path, stage: str, outs: Outs, seconds: float) -> None:
    """`root` is the main repository, `outs` what the stage wrote."""
    write_json(_path(root, stage, outs), {"seconds": round(seconds, 1)})


def seconds_of(root: Path, stage: str, outs: Outs) -> float | None:
    """How long the stage took to make these outs; None where that is not known here."""
    try:
        return float(json.loads(_path(root, stage, outs).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or one that a power cut left damaged
        return None


def _path(root: Path, stage: str, outs: Outs) -> Path:
    return root / TIMINGS / f"{stage}-{digest(outs)}.json"
