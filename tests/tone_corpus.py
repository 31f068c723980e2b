"""A corpus of recordings that a test makes: each word is a tone of its own pitch.

A small model learns to write down what is "said" in a few seconds of training.
"""

import io
import tarfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8000
PITCHES = {"do": 400.0, "mi": 800.0, "so": 1600.0, "ti": 3000.0}
SPEAKERS = 12
ENTRY: dict[str, Any] = {
    "name": "tones",
    "title": "Words that are tones",
    "task": "speech recognition",
    "src_lang": "audio",
    "tgt_lang": "tones",
    "files": [{"path": "tones.tar.gz"}],
    "reader": "recordings",
    "recordings": {
        "sample_rate": RATE,
        "line": r"(?P<name>\S+) (?P<text>.*)",
        "speaker": "([^/]+)/[^/]+$",
    },
    "splits": {
        "train": {"file": "tones.tar.gz/tones/texts.txt", "audio": "tones.tar.gz/tones/wav"}
    },
    "make_splits": {"dev": 1, "test": 2, "seed": 3},
    "bleu_tokenizer": "13a",
    "metrics": ["wer", "cer"],
    "licence": "none needed",
    "citation": "none",
}


def tone(words: list[str], generator: np.random.Generator) -> NDArray[np.float32]:
    """Words as tones of 100 to 160 ms, with pauses, in some noise."""
    parts = []
    for word in words:
        times = np.arange(int(RATE * generator.uniform(0.10, 0.16))) / RATE
        parts += [np.sin(2 * np.pi * PITCHES[word] * times), np.zeros(int(RATE * 0.05))]
    sound = np.concatenate(parts) * generator.uniform(0.2, 0.7)
    return (sound + generator.normal(0, 0.003, len(sound))).astype(np.float32)


def encoded(samples: NDArray[Any], kind: str = "WAV", rate: int = RATE) -> bytes:
    """The bytes of a file of 16 bits: WAV, FLAC or NIST."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype="PCM_16")
    return file.getvalue()


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A tar.gz with these members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def tone_archive(each: int = 20) -> bytes:
    """So many recordings of each speaker, in the three formats in turn, and their texts."""
    generator = np.random.default_rng(5)
    files: dict[str, bytes | str] = {}
    lines = []
    for number in range(SPEAKERS * each):
        speaker, name = f"s{number % SPEAKERS:02}", f"r{number:03}"
        words = [str(word) for word in generator.choice(list(PITCHES), generator.integers(1, 5))]
        kind, ending = [("WAV", "wav"), ("FLAC", "flac"), ("NIST", "sph")][number % 3]
        files[f"tones/wav/{speaker}/{name}.{ending}"] = encoded(tone(words, generator), kind)
        lines.append(f"{name} {' '.join(words)}\n")
    return packed({"tones/texts.txt": "".join(lines), **files})
