"""What the section `tokenize` of the settings may hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from attn2seq.config import Settings, shown

ModelType = Literal["unigram", "bpe", "char", "word"]
RESERVED = frozenset(("<pad>", "<unk>", "<s>", "</s>"))
MAX_SYMBOLS = 10_000
_BYTES = 256


class TokenizeSettings(Settings):
    """How texts become token ids."""

    model_type: ModelType
    """How a text is cut into pieces: `unigram` (arXiv 1804.10959), `bpe` (arXiv 1508.07909),
    `char` (single characters) or `word` (at spaces)."""

    vocabulary_size: Annotated[int, Field(ge=8, le=1_000_000)]
    """Number of pieces, the four special ones among them; an upper limit for `char`, `word`."""

    joint_vocabulary: bool
    """Whether both sides share one vocabulary, learnt from the texts of both."""

    tgt_model_type: Literal["same", "unigram", "bpe", "char", "word"]
    """The model type of the target side where it differs; `same` as the source side's."""

    tgt_vocabulary_size: Annotated[int, Field(ge=0, le=1_000_000)]
    """The number of pieces of the target side where it differs; 0 for the same as the source's."""

    character_coverage: Annotated[float, Field(gt=0.5, le=1)]
    """Share of the training text's characters that pieces must cover; the rest is unknown."""

    byte_fallback: bool
    """Whether an unknown character is spelt as UTF-8 bytes, which takes 256 of the pieces."""

    user_defined_symbols: Annotated[list[str], Field(max_length=MAX_SYMBOLS)]
    """Strings that are one piece each wherever they stand, such as `<name>`, and are never cut."""

    max_training_lines: Annotated[int, Field(ge=0)]
    """Number of lines a side, drawn at random, that a vocabulary is learnt from; 0 for all."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Seed of the draw of those lines."""

    @model_validator(mode="after")
    def _one_vocabulary_has_one_shape(self) -> Self:
        if self.joint_vocabulary and self.tgt_model_type not in ("same", self.model_type):
            raise ValueError(
                "tgt_model_type must be same where joint_vocabulary is true, "
                f"got {self.tgt_model_type!r}"
            )
        if self.joint_vocabulary and self.tgt_vocabulary_size not in (0, self.vocabulary_size):
            raise ValueError(
                "tgt_vocabulary_size must be 0 where joint_vocabulary is true, "
                f"got {self.tgt_vocabulary_size}"
            )
        return self

    @model_validator(mode="after")
    def _bytes_have_room(self) -> Self:
        least = len(RESERVED) + _BYTES + len(self.user_defined_symbols)
        for key in ("vocabulary_size", "tgt_vocabulary_size"):
            size = getattr(self, key)
            if self.byte_fallback and 0 < size < least:
                raise ValueError(
                    f"{key} ({size}) is too small for the bytes of byte_fallback, which with the "
                    f"special pieces and the symbols take {least}: set tokenize.{key} to more, or "
                    "byte_fallback to false"
                )
        return self

    @model_validator(mode="after")
    def _symbols_can_be_found(self) -> Self:
        symbols = self.user_defined_symbols
        if symbols and "word" in (self.model_type, self.tgt_model_type):
            raise ValueError(
                "user_defined_symbols must be [] where a model type is word, split at spaces "
                "only: a symbol that is a word is one piece anyway, and one in a word is not found"
            )
        for symbol in symbols:
            if not symbol or any(letter.isspace() or letter in "\u2581\0" for letter in symbol):
                raise ValueError(
                    f"user_defined_symbols: {shown(symbol)} must have characters, and no space, "
                    "line end, NUL or U+2581 (which stands for a space) among them"
                )
            if symbol in RESERVED:
                raise ValueError(f"user_defined_symbols: {symbol} is a special piece already")
            if symbols.count(symbol) > 1:
                raise ValueError(f"user_defined_symbols: {shown(symbol)} occurs twice")
        return self
