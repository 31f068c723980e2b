"""A vocabulary for the tiny model."""

import io
from collections.abc import Sequence

import sentencepiece
from tiny_model import VOCABULARY


def tiny_tokenizer(
    texts: Sequence[str],
    model_type: str = "unigram",
    normalisation: str = "nmt_nfkc",
    symbols: Sequence[str] = (),
) -> bytes:
    """A sentencepiece model of as many pieces as the tiny model has, learnt from the texts."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        model_type=model_type,
        vocab_size=VOCABULARY,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
        normalization_rule_name=normalisation,
        user_defined_symbols=list(symbols),
    )
    return written.getvalue()
