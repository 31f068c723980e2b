"""R1, the configuration that speed is measured by: Multi30k English to German.

One joint BPE vocabulary of 8,000; embeddings 256; one bidirectional LSTM layer of 256 each way; one
LSTM decoder layer of 512; additive attention; dropout 0.2; label smoothing 0.1; Adam; batches of 64
sentences. As in other toolkits the scores and the output layer have the decoder's 512 units, so
that the output has weights of its own.
"""

from pathlib import Path
from typing import Any

from benchmarks.tables.runs import Run, merged, tokenized, trained

CHANGES: dict[str, dict[str, Any]] = {
    "tokenize": {"model_type": "bpe", "vocabulary_size": 8000, "joint_vocabulary": True},
    "model": {
        "cell": "lstm", "embedding_size": 256, "encoder_layers": 1, "encoder_hidden_size": 256,
        "bidirectional": "all", "decoder_layers": 1, "decoder_hidden_size": 512,
        "attention": "additive", "attention_size": 512, "readout_size": 512,
        "embedding_dropout": 0.2, "layer_dropout": 0.2, "readout_dropout": 0.2,
        "tie_embeddings": "none",
    },
    "train": {
        "batch_sentences": 64, "batch_tokens": 100_000, "optimizer": "adam",
        "label_smoothing": 0.1, "max_epochs": 100,
    },
}  # fmt: skip
TRAINED = Run("bench-r1-trained", "multi30k-en-de", merged(CHANGES, {"train": {"max_steps": 1500}}))


def r1_place() -> Path:
    """A folder with R1's params and tokenized corpus, made at the first call."""
    return tokenized(Run("bench-r1", "multi30k-en-de", CHANGES))


def r1_trained() -> Path:
    """A folder with R1 trained for 1,500 steps, at the first call."""
    return trained(TRAINED)
