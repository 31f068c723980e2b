"""Where prepared recordings lie: data/prepared/recordings/<speaker>/<name>.flac."""

import json
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.features.audio import Audio, read_audio


def recording_file(prepared: Path, name: str) -> Path:
    """The file of the recording that a table of prepared data names."""
    return prepared / "recordings" / f"{name}.flac"


def sample_rate_of(prepared: Path) -> int | None:
    """Samples per second of prepared recordings; None where the sources are texts."""
    path = prepared / "corpus.json"
    if not path.is_file():
        return None
    facts = json.loads(path.read_text(encoding="utf-8")).get("recordings")
    return None if facts is None else int(facts["sample_rate"])


def audio_at(path: Path, sample_rate: int | None = None) -> Audio:
    """The recording in a file. Raises UserError as `read_audio` does, and where there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return read_audio(content, str(path), sample_rate)
