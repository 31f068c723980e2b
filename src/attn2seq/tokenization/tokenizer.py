"""Texts to token ids and back, with a sentencepiece model.

tokenizer = Tokenizer(Path("data/tokenized/src.model"))
tokenizer.encode(["the house"])   [[52, 310]]
tokenizer.pieces([52, 310])       ["▁the", "▁house"]
tokenizer.decode([[52, 310, 3]])  ["the house"]
"""

from collections.abc import Sequence
from pathlib import Path

import sentencepiece as spm

from attn2seq.errors import UserError

PAD_ID = 0
UNK_ID = 1
BOS_ID = 2
EOS_ID = 3

# What fills or frames a sequence and stands for no text.
_SILENT = frozenset((PAD_ID, BOS_ID, EOS_ID))


class Tokenizer:
    """One side's vocabulary: pieces and their ids."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file is no sound sentencepiece model with our special ids."""
        if not path.is_file():
            raise UserError(f"{path} is missing; the tokenize stage writes it")
        try:
            self._processor = spm.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError):
            raise UserError(f"{path} is no sentencepiece model; run tokenize again") from None
        processor = self._processor
        found = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if found != (PAD_ID, UNK_ID, BOS_ID, EOS_ID):
            raise UserError(
                f"{path} has the pad, unknown, start and end ids {found}, not "
                f"{(PAD_ID, UNK_ID, BOS_ID, EOS_ID)}: it was not made by tokenize"
            )
        self.vocabulary_size: int = processor.vocab_size()
        try:
            processor.decode([[token] for token in range(self.vocabulary_size)])
            processor.id_to_piece(list(range(self.vocabulary_size)))
        except (RuntimeError, UnicodeDecodeError):
            raise UserError(f"{path} is damaged: it has a piece that is no text") from None

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without bos and eos; on all processors."""
        if not texts:
            return []
        ids: list[list[int]] = self._processor.encode(list(texts), num_threads=-1)
        return ids

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence. Pad, bos and eos are dropped; an unknown piece reads ⁇.

        The inverse of `encode`, for texts without unknown characters and without U+2581, which
        stands for a space within pieces.
        """
        if not ids:
            return []
        kept = [[int(token) for token in row if token not in _SILENT] for row in ids]
        texts: list[str] = self._processor.decode(kept)
        return texts

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The piece of each id; a space before it is written as U+2581."""
        return [self._processor.id_to_piece(int(token)) for token in ids]
