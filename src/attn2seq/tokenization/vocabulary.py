"""Learn a vocabulary from texts: the bytes of a sentencepiece model.

The bytes follow from the texts, their order and the settings alone: texts come from an iterator
and the number of threads is fixed, since a path or another number of threads would change them.
"""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

import sentencepiece as spm

from attn2seq.errors import UserError
from attn2seq.tokenization.settings import ModelType, TokenizeSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID

_THREADS = 4
# Longer lines would be left out without a word; 4,192 bytes is sentencepiece's own limit.
_MAX_LINE_BYTES = 1 << 24
_ERRORS_ONLY = 2


@dataclass(frozen=True)
class VocabularySpec:
    """One vocabulary as the settings ask for it; `size_key` is the key that holds its size."""

    name: str
    model_type: ModelType
    size: int
    size_key: str


def vocabulary_specs(settings: TokenizeSettings) -> dict[str, VocabularySpec]:
    """The vocabulary of each side; the same record for both where it is joint."""
    name = "joint" if settings.joint_vocabulary else "src"
    src = VocabularySpec(name, settings.model_type, settings.vocabulary_size, "vocabulary_size")
    if settings.joint_vocabulary:
        return {"src": src, "tgt": src}
    own_type, own_size = settings.tgt_model_type, settings.tgt_vocabulary_size
    tgt = VocabularySpec(
        "tgt",
        settings.model_type if own_type == "same" else own_type,
        own_size or settings.vocabulary_size,
        "tgt_vocabulary_size" if own_size else "vocabulary_size",
    )
    return {"src": src, "tgt": tgt}


def learn_vocabulary(
    texts: Iterable[str], spec: VocabularySpec, settings: TokenizeSettings
) -> bytes:
    """A sentencepiece model. Raises UserError where the texts do not allow the size asked for."""
    model = io.BytesIO()
    try:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type=spec.model_type,
            vocab_size=spec.size,
            # Texts come with few or many distinct words; only pieces can fill up any size.
            hard_vocab_limit=spec.model_type in ("unigram", "bpe"),
            character_coverage=settings.character_coverage,
            byte_fallback=settings.byte_fallback,
            user_defined_symbols=settings.user_defined_symbols,
            # Texts are normalised already: with these three, decoding gives a text back as it was.
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            unk_surface="⁇",
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            max_sentence_length=_MAX_LINE_BYTES,
            num_threads=_THREADS,
            minloglevel=_ERRORS_ONLY,
        )
    except RuntimeError as error:
        raise UserError(_explain(str(error), spec)) from None
    return model.getvalue()


def _explain(message: str, spec: VocabularySpec) -> str:
    """What sentencepiece says, in the words of the settings.

    The message of a vocabulary too large ends in `Please set it to a value <= 1234.`, that of one
    too small holds `8 vs 25.`: the size, and the number of pieces that single characters take.
    """
    key = f"tokenize.{spec.size_key}"
    where = "the training text" if spec.name == "joint" else f"the {spec.name} side of train"
    if largest := re.search(r"value <= (\d+)", message):
        return (
            f"{key}: {spec.size} is larger than {where} allows with model_type {spec.model_type}; "
            f"the largest possible is {largest[1]}"
        )
    if smallest := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return (
            f"{key}: {spec.size} is too small: the characters of {where}, with the special "
            f"pieces, take {smallest[1]}; set it to at least that, or lower "
            "tokenize.character_coverage"
        )
    if "sentences_.empty()" in message:
        return f"no vocabulary can be learnt: {where} has no text; look at what prepare kept"
    return f"no vocabulary can be learnt from {where} ({key} is {spec.size}): {message}"
