"""Texts to token ids and back, with a sentencepiece model.

tokenizer = Tokenizer(Path("data/tokenized/src.model"))
tokenizer.encode(["the house"])   [[52, 310]]
tokenizer.pieces([52, 310])       ["▁the", "▁house"]
tokenizer.decode([[52, 310, 3]])  ["the house"]
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sentencepiece as spm
from numpy.typing import NDArray

from attn2seq.errors import UserError
from attn2seq.tokenization.model_file import model_facts
from attn2seq.tokenization.symbols import UncutSymbols

PAD_ID = 0
UNK_ID = 1
BOS_ID = 2
EOS_ID = 3
# How a space is written within pieces.
SPACE = "\u2581"

# What fills or frames a sequence and stands for no text.
_SILENT = frozenset((PAD_ID, BOS_ID, EOS_ID))


_UNSOUND = "{} is not a sentencepiece model; run tokenize again"


class Tokenizer:
    """One side's vocabulary: pieces and their ids."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file is no sound sentencepiece model with our special ids."""
        self._processor = processor = _read(path)
        try:
            facts = model_facts(path.read_bytes())
        except (OSError, ValueError):
            raise UserError(_UNSOUND.format(path)) from None
        self.vocabulary_size: int = processor.vocab_size()
        self.model_type = facts.model_type
        try:
            processor.decode([[token] for token in range(self.vocabulary_size)])
            pieces = processor.id_to_piece(list(range(self.vocabulary_size)))
        except (RuntimeError, UnicodeDecodeError):
            raise UserError(f"{path} is damaged: it has a piece that is no text") from None
        self.scores = np.array(processor.get_score(list(range(self.vocabulary_size))))
        """Of a unigram vocabulary the log-probability of each piece; of a BPE one, the later it was
        merged, the lower."""
        self.symbols = {text: processor.piece_to_id(text) for text in facts.symbols}
        """The user-defined symbols, which are never cut."""
        self._apart = {
            token
            for token in range(self.vocabulary_size)
            if processor.is_control(token)
            or processor.is_unknown(token)
            or processor.is_byte(token)
        } | set(self.symbols.values())
        self._uncut = None
        if self.symbols and self.model_type == "unigram":
            plain = {piece: token for token, piece in enumerate(pieces) if self.is_plain(token)}
            self._uncut = UncutSymbols(self.symbols, plain, self.scores, self._unknown, UNK_ID)

    def is_plain(self, token: int) -> bool:
        """Whether the token stands for text that was learnt: it is neither special, nor a byte,
        nor a user-defined symbol.
        """
        return token not in self._apart

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without bos and eos; on all processors."""
        if not texts:
            return []
        ids: list[list[int]] = self._processor.encode(list(texts), num_threads=-1)
        if self._uncut is not None:
            self._uncut.mend(texts, ids)
        return ids

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """What `encode` gives, as arrays, which are quicker to make."""
        if not texts or self._uncut is not None:
            return [np.array(ids, np.int32) for ids in self.encode(texts)]
        arrays: list[NDArray[np.int32]] = self._processor.encode_as_numpy(
            list(texts), num_threads=-1
        )
        return arrays

    def candidates(self, text: str, count: int) -> list[list[int]]:
        """The most probable segmentations of a text, at most `count`, none of which cuts a symbol;
        for unigram vocabularies.
        """
        found: list[list[int]] = self._processor.nbest_encode(text, nbest_size=count)
        return found if self._uncut is None else self._uncut.whole(text, found)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence. Pad, bos and eos are dropped; an unknown piece reads ⁇.

        The inverse of `encode`, for texts without unknown characters and without U+2581, which
        stands for a space within pieces.
        """
        if not ids:
            return []
        kept = [[int(token) for token in row if token not in _SILENT] for row in ids]
        texts: list[str] = self._processor.decode(kept)
        return [
            self._spaced(text, row) if SPACE in text else text
            for text, row in zip(texts, kept, strict=True)
        ]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The piece of each id; a space before it is written as U+2581."""
        return [self._processor.id_to_piece(int(token)) for token in ids]

    def read_as(self, text: str, ids: Sequence[int]) -> list[str]:
        """The pieces of the text's first ids; what is unknown stands as itself, and not as <unk>.

        Where a user-defined symbol had to be kept whole (`UncutSymbols`), it stands as <unk>.
        """
        if UNK_ID in ids and self._processor.encode(text)[: len(ids)] == list(ids):
            spelt: list[str] = self._processor.encode(text, out_type=str)
            return spelt[: len(ids)]
        return self.pieces(ids)

    def _spaced(self, text: str, ids: list[int]) -> str:
        """The text with spaces where U+2581 was spelt in bytes, which sentencepiece leaves."""
        if self._processor.is_byte(ids[0]):  # the space that encoding puts before every text
            text = text.removeprefix(SPACE)
        return text.replace(SPACE, " ")

    def _unknown(self, character: str) -> list[int]:
        """What a character without a piece becomes: unknown, or its bytes."""
        spelt = [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in character.encode()]
        return [UNK_ID] if UNK_ID in spelt else spelt


def vocabulary_size(path: Path) -> int:
    """How many pieces a tokenizer has, without all else that is read of it.

    Raises UserError as `Tokenizer` does.
    """
    size: int = _read(path).vocab_size()
    return size


def _read(path: Path) -> spm.SentencePieceProcessor:
    if not path.is_file():
        raise UserError(f"{path} is missing; the tokenize stage writes it")
    try:
        processor = spm.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError, ValueError):
        raise UserError(_UNSOUND.format(path)) from None
    found = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if found != (PAD_ID, UNK_ID, BOS_ID, EOS_ID):
        raise UserError(
            f"{path} has the pad, unknown, start and end ids {found}, not "
            f"{(PAD_ID, UNK_ID, BOS_ID, EOS_ID)}: it was not made by tokenize"
        )
    return processor
