"""Seconds to decode the test set of Multi30k with R1, beside the machine's own limit.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.decoding [BATCH_TOKENS]

Trains R1 for 1,500 steps at the first call, enough to write sentences of the right length.
Start-up and loading are not counted; the median of repeats is. Beside it stands what the step's
products alone would take at the speed of a large product in the same number type, measured in the
same run before and after, how many times that the decoding takes, and BLEU.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import sacrebleu
import torch

from attn2seq.config import read_yaml
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translation import Translation
from attn2seq.decoding.translator import Translator
from attn2seq.model.device import tune_cpu
from benchmarks.limit import multiply_adds, product_flops
from benchmarks.r1 import r1_trained

REPEATS = 5
WAYS = [(number_type, beam) for number_type in ("float32", "bfloat16") for beam in (1, 5)]


def main(changes: Mapping[str, int]) -> None:
    place = r1_trained()
    sources, references = flickr(place, "src"), flickr(place, "tgt")
    threads = torch.get_num_threads()
    print(f"R1, {len(sources):,} sentences, {threads} threads; medians of {REPEATS} passes")
    print(f"{'number type':12}{'search':8}{'seconds':>9}{'limit':>7}{'ratio':>7}{'BLEU':>7}")
    for number_type, beam_size in WAYS:
        translator = load(place, number_type=number_type, beam_size=beam_size, **changes)
        translations = translator.translate(sources)
        flop = decoding_flop(translator, translations)
        before = product_flops(translator.number_type, translator.device)
        seconds = statistics.median(timed(translator, sources) for _ in range(REPEATS))
        after = product_flops(translator.number_type, translator.device)
        limit = flop / statistics.mean([before, after])
        print(
            f"{number_type:12}{search(beam_size):8}{seconds:>9.2f}{limit:>7.2f}"
            f"{seconds / limit:>7.1f}{bleu(translations, references):>7.2f}",
            flush=True,
        )


def flickr(place: Path, side: str) -> list[str]:
    """The sentences of test_2016_flickr: `src` in English, `tgt` in German."""
    test = pd.read_parquet(place / "data" / "prepared" / "test.parquet", columns=[side])
    return list(map(str, test[side]))


def bleu(translations: Sequence[Translation], references: list[str]) -> float:
    """Of the best hypotheses."""
    texts = [translation.hypotheses[0].text for translation in translations]
    return sacrebleu.corpus_bleu(texts, [references]).score


def search(beam_size: int) -> str:
    """In words."""
    return "greedy" if beam_size == 1 else f"beam {beam_size}"


def load(place: Path, **changes: object) -> Translator:
    """The trained model with R1's settings otherwise."""
    tune_cpu()
    values = read_yaml(place / "params.yaml")["decode"] | {"nbest": 1} | changes
    return Translator(place / "models" / "trained", DecodeSettings.model_validate(values))


def decoding_flop(translator: Translator, translations: Sequence[Translation]) -> float:
    """Operations of the decoder's products for the tokens of the best hypotheses, eos counted, as
    many times as the beam has hypotheses.
    """
    _, tgt_macs = multiply_adds(translator.model)
    tokens = sum(len(translation.hypotheses[0].pieces) for translation in translations)
    return 2.0 * tgt_macs * tokens * translator.settings.beam_size


def timed(translator: Translator, sources: list[str]) -> float:
    """Seconds to translate them."""
    started = time.perf_counter()
    translator.translate(sources)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Seconds to decode 1,000 sentences with R1.")
    parser.add_argument("batch_tokens", nargs="?", type=int, help="decode.batch_tokens")
    given = parser.parse_args().batch_tokens
    main({"batch_tokens": given} if given else {})
