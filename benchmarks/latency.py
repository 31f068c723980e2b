"""Milliseconds to translate one sentence alone with R1, in a process that has loaded it.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.latency

The median over the first 200 sentences of test_2016_flickr. Beside it stands what the decoder's
products alone would take, at the speed of a product of as many rows as the beam has with a large
matrix in the same number type, measured in the same run, and how many times that a sentence takes.
"""

import statistics

import torch

from benchmarks.decoding import (
    WAYS,
    decoding_flop,
    flickr,
    load,
    search,
    timed,
)
from benchmarks.limit import product_flops
from benchmarks.r1 import r1_trained

WARM_UP, SENTENCES = 10, 200


def main() -> None:
    place = r1_trained()
    sources = flickr(place, "src")[:SENTENCES]
    print(f"R1, one sentence alone, {torch.get_num_threads()} threads; medians of {len(sources)}")
    print(f"{'number type':12}{'search':8}{'ms':>7}{'limit':>7}{'ratio':>7}")
    for number_type, beam_size in WAYS:
        translator = load(place, number_type=number_type, beam_size=beam_size)
        for source in sources[:WARM_UP]:
            translator.translate([source])
        seconds = statistics.median(timed(translator, [source]) for source in sources)
        flop = statistics.median(
            decoding_flop(translator, [found]) for found in translator.translate(sources)
        )
        limit = flop / product_flops(translator.number_type, translator.device, rows=beam_size)
        print(
            f"{number_type:12}{search(beam_size):8}{1000 * seconds:>7.1f}{1000 * limit:>7.1f}"
            f"{seconds / limit:>7.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
