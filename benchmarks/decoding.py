"""Seconds to decode the test set of Multi30k with R1, and milliseconds for one sentence alone.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.decoding [BATCH_TOKENS]

Trains R1 for 1,500 steps at the first call, enough to write sentences of the right length.
Start-up and loading are not counted; the median of repeats is. Beside it stands what the step's
products alone would take at the speed of a large product in the same number type, measured in the
same run.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from attn2seq.config import read_yaml
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translation, Translator
from attn2seq.model.device import tune_cpu
from benchmarks.limit import matmul_flops
from benchmarks.r1 import r1_trained

REPEATS, SINGLE_SENTENCES = 5, 200
# Of one hypothesis for one token: the decoder's layer, the attention and the output over 8,000.
DECODING_FLOP_A_TOKEN = 2 * (4 * 512 * (256 + 512) + 256 * 512 + 256 * 1024 + 8000 * 256)


def main(changes: Mapping[str, int]) -> None:
    tune_cpu()
    place = r1_trained()
    sources = pd.read_parquet(place / "data" / "prepared" / "test.parquet")["src"].tolist()
    print(f"R1, {len(sources):,} sentences, {torch.get_num_threads()} threads")
    print(f"{'number type':12}{'search':8}{'seconds':>9}{'limit':>7}{'one sentence, ms':>18}")
    for number_type in ("float32", "bfloat16"):
        flops = matmul_flops(getattr(torch, number_type))
        for beam_size in (1, 5):
            translator = load(place, number_type=number_type, beam_size=beam_size, **changes)
            translations = translator.translate(sources)
            tokens = sum(map(steps, translations)) * beam_size
            seconds = statistics.median(timed(translator, sources) for _ in range(REPEATS))
            alone = [timed(translator, [source]) for source in sources[:SINGLE_SENTENCES]]
            print(
                f"{number_type:12}{'greedy' if beam_size == 1 else f'beam {beam_size}':8}"
                f"{seconds:>9.2f}{tokens * DECODING_FLOP_A_TOKEN / flops:>7.2f}"
                f"{1000 * statistics.median(alone):>18.1f}",
                flush=True,
            )


def load(place: Path, **changes: object) -> Translator:
    """The trained model with R1's settings otherwise."""
    values = read_yaml(place / "params.yaml")["decode"] | {"nbest": 1} | changes
    return Translator(place / "models" / "model", DecodeSettings.model_validate(values))


def steps(translation: Translation) -> int:
    """Tokens of the best hypothesis, eos counted."""
    return len(translation.hypotheses[0].pieces) + 1


def timed(translator: Translator, sources: list[str]) -> float:
    """Seconds to translate them."""
    started = time.perf_counter()
    translator.translate(sources)
    return time.perf_counter() - started


if __name__ == "__main__":
    main({"batch_tokens": int(sys.argv[1])} if len(sys.argv) > 1 else {})
