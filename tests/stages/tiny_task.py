"""A task that a small model learns to perfection in seconds.

Letters in, the same letters out as capitals and from the last to the first: `abc` gives `CBA`.
"""

import random
from pathlib import Path
from typing import Any

LETTERS = "abcdefgh"
SIZES = {"dev": 40, "test": 40, "train": 400}

CATALOGUE_ENTRY = r"""
name: reversed
title: Letters, as capitals from the last to the first
task: reversal
src_lang: letters
tgt_lang: letters
files: [{path: reversed.train.tsv}, {path: reversed.dev.tsv}, {path: reversed.test.tsv}]
reader: delimited
delimiter: "\t"
columns: {src: 1, tgt: 2}
splits:
  train: {file: reversed.train.tsv}
  dev: {file: reversed.dev.tsv}
  test: {file: reversed.test.tsv}
bleu_tokenizer: char
metrics: [accuracy]
licence: none needed
citation: none
"""

PARAMS: dict[str, Any] = {
    "download.corpus": "reversed",
    "tokenize.model_type": "char",
    "tokenize.vocabulary_size": 64,
    "tokenize.joint_vocabulary": True,
    "model.embedding_size": 32,
    "model.encoder_hidden_size": 32,
    "model.decoder_hidden_size": 64,
    "model.attention": "additive",
    "model.attention_size": 32,
    "model.readout_size": 32,
    # There is something to draw, so that equal bytes are no matter of course.
    "model.readout_dropout": 0.05,
    "train.device": "cpu",
    "train.threads": 1,
    "train.number_type": "float32",
    "train.max_epochs": 40,
    "train.max_tokens": 20,
    "train.batch_tokens": 400,
    "train.batch_sentences": 32,
    "train.learning_rate": 0.01,
    "train.warmup_steps": 20,
    "train.label_smoothing": 0.0,
    "train.log_every_steps": 25,
    "train.evaluate_every_steps": 50,
    "decode.device": "cpu",
    "decode.threads": 1,
    "decode.beam_size": 2,
    "decode.nbest": 2,
    "decode.attention_maps": 5,
    "evaluate.bootstrap_samples": 100,
    "report.sentences": 20,
}


def write_corpus(folder: Path) -> None:
    """One file a split, no source twice."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, sources = random.Random(1), set[str]()
    while len(sources) < sum(SIZES.values()):
        sources.add("".join(draw.choices(LETTERS, k=draw.randint(4, 8))))
    waiting = sorted(sources)
    draw.shuffle(waiting)
    for split, size in SIZES.items():
        part, waiting = waiting[:size], waiting[size:]
        lines = "".join(f"{src}\t{src[::-1].upper()}\n" for src in part)
        (folder / f"reversed.{split}.tsv").write_text(lines, encoding="utf-8")
