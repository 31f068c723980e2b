"""What it costs to cut the training texts anew for an epoch.

    PYTHONPATH=src python -m benchmarks.cutting_anew data/prepared

Learns vocabularies of 8,000 pieces from the prepared train pairs, and times one epoch each.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attn2seq.batching.batch import Pairs
from attn2seq.segmentation.bpe_dropout import BpeDropout
from attn2seq.segmentation.nbest_sampling import NbestSampling
from attn2seq.segmentation.resampled import ResampledPairs, Sampler
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import tokenize_splits
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer

SETTINGS: dict[str, Any] = {
    "vocabulary_size": 8000, "joint_vocabulary": True, "tgt_model_type": "same",
    "tgt_vocabulary_size": 0, "character_coverage": 1.0, "byte_fallback": False,
    "user_defined_symbols": [], "max_training_lines": 0, "seed": 1,
}  # fmt: skip


def main(prepared: Path) -> None:
    """One line for each way of cutting."""
    with TemporaryDirectory() as folder:
        for model_type in ("bpe", "unigram"):
            tokenized = Path(folder) / model_type
            settings = TokenizeSettings(model_type=model_type, **SETTINGS)
            tokenize_splits(prepared, tokenized, settings, lambda text: None)
            tokenizer = Tokenizer(tokenized / "src.model")
            pairs = Pairs(TokenStore(tokenized / "train.src"), TokenStore(tokenized / "train.tgt"))
            if model_type == "bpe":
                report("BPE dropout, 0.1", pairs, BpeDropout(tokenizer, 0.1))
            else:
                for count in (8, 64):
                    sampler = NbestSampling(tokenizer, count, 0.2)
                    report(f"one of {count} candidates", pairs, sampler)


def report(name: str, pairs: Pairs, sampler: Sampler) -> None:
    """Seconds of processor time, and how much longer texts become."""
    with ResampledPairs(pairs, {"src": sampler, "tgt": sampler}, 1, 1000, 1) as pairs_of_epoch:
        started = time.process_time()
        drawn = pairs_of_epoch(0)
        seconds = time.process_time() - started
    before, after = (
        int(each.src.lengths.sum() + each.tgt.lengths.sum()) for each in (pairs, drawn)
    )
    print(
        f"{name}: {seconds:.1f} s of one core for {len(pairs):,} pairs, "
        f"{after / before:.2f} times the tokens"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Seconds to cut an epoch's texts anew.")
    parser.add_argument("prepared", type=Path, help="what prepare wrote: data/prepared")
    main(parser.parse_args().prepared)
