"""What a sentencepiece model says of itself and the processor does not tell.

The file is a protocol buffer, of which two fields of the trainer's specification are needed:
https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from collections.abc import Iterator
from dataclasses import dataclass

from attn2seq.tokenization.settings import ModelType

_TRAINER_SPEC, _MODEL_TYPE, _USER_DEFINED_SYMBOLS = 2, 3, 31
_MODEL_TYPES: dict[int, ModelType] = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class ModelFacts:
    """How the vocabulary was learnt."""

    model_type: ModelType
    symbols: tuple[str, ...]
    """The user-defined symbols, which are never cut."""


def model_facts(model: bytes) -> ModelFacts:
    """Raises ValueError where the bytes are no sentencepiece model."""
    model_type, symbols = 1, []
    for number, value in _fields(model):
        if number != _TRAINER_SPEC or not isinstance(value, bytes):
            continue
        for inner, entry in _fields(value):
            if inner == _MODEL_TYPE and isinstance(entry, int):
                model_type = entry
            elif inner == _USER_DEFINED_SYMBOLS and isinstance(entry, bytes):
                symbols.append(entry.decode())
    if model_type not in _MODEL_TYPES:
        raise ValueError(f"no model type {model_type}")
    return ModelFacts(_MODEL_TYPES[model_type], tuple(symbols))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, in their order."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"no field of kind {kind}")
        if at + size > len(message):
            raise ValueError("a field reaches past the end")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte with the lowest first, and the place after it."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number does not end")
