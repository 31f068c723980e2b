"""One sentence's latency, with the steps recorded as CUDA graphs and without, greedy and beam 5.

With the model that the part default left: medians over test sentences.
"""

import statistics
import time

import pandas as pd
import torch

from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translator
from attn2seq.model.device import fix_cublas_workspace, tune_cpu
from benchmarks.gpu import PLACES
from benchmarks.gpu.workspace import device, rehearsal, say
from benchmarks.limit import synchronize

SENTENCES = 3 if rehearsal() else 100


def main() -> None:
    tune_cpu()
    fix_cublas_workspace()
    where = device()
    place = PLACES / "default"
    if not (place / "models/trained").is_dir():
        raise SystemExit("no trained model: the part default left none")
    sources = pd.read_parquet(place / "data/prepared/test.parquet")["src"].tolist()[:SENTENCES]
    for number_type in ("float32", "bfloat16"):
        for beam_size in (1, 5):
            settings = decode_settings(where, number_type, beam_size)
            translator = Translator(place / "models/trained", settings)
            found = {}
            plain = [translator.model]
            recorded = [RecordedSteps(translator.model)] if where.type == "cuda" else plain
            for name, steps in (("plain", plain), ("recorded", recorded)):
                translator.steps = list(steps)
                translator.translate(sources)  # shapes are met, kernels chosen
                for _ in range(2):
                    found[name], texts = timed(translator, sources, where)
                say({f"{number_type}, beam {beam_size}, {name}, ms": f"{found[name]:.1f}"})
                if name == "plain":
                    expected = texts
            equal = sum(left == right for left, right in zip(texts, expected, strict=True))
            say({"  equal texts": f"{equal} of {len(texts)}"})


def decode_settings(where: torch.device, number_type: str, beam_size: int) -> DecodeSettings:
    """Of a plain search."""
    return DecodeSettings.model_validate(
        {
            "device": where.type, "number_type": number_type, "threads": 0, "ensemble": [],
            "search": "beam", "beam_size": beam_size, "nbest": 1, "length_normalisation": "wu",
            "length_alpha": 1.0, "coverage_penalty": 0.0, "min_length": 0,
            "max_length_factor": 2.0, "max_length_offset": 20, "temperature": 1.0, "top_k": 0,
            "top_p": 1.0, "no_repeat_ngram_size": 0, "repetition_penalty": 1.0, "sampling_seed": 1,
            "mbr": "none", "mbr_candidates": 20,
            "max_source_length": 500, "batch_tokens": 16000, "attention_maps": 0,
        }
    )  # fmt: skip


def timed(
    translator: Translator, sources: list[str], where: torch.device
) -> tuple[float, list[str]]:
    """The median milliseconds of a sentence, and what was found."""
    seconds, texts = [], []
    for source in sources:
        synchronize(where)
        begun = time.perf_counter()
        texts.append(translator.translate([source])[0].text)
        seconds.append(time.perf_counter() - begun)
    return 1000 * statistics.median(seconds), texts


if __name__ == "__main__":
    main()
