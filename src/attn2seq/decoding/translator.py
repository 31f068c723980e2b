"""Texts in, texts out: a model folder as one object."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn2seq.decoding.batched import Progress, find_all, score_all
from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model
from attn2seq.model.device import pick_device, pick_number_type
from attn2seq.model.memory import memory_told
from attn2seq.tokenization.tokenizer import EOS_ID, Tokenizer

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    text: str  # one line
    score: float  # log_prob divided by the length penalty
    log_prob: float  # nats
    tokens: int  # eos counted
    pieces: tuple[str, ...]  # eos last
    attn_weights_TS: NDArray[np.float32] | None  # a row for each of pieces; None where not kept


@dataclass(frozen=True)
class Translation:
    """The hypotheses of one line, best first; at least one."""

    src_pieces: tuple[str, ...]  # as the model read them: cut where too long, eos last
    hypotheses: list[Hypothesis]


EMPTY = Translation((), [Hypothesis("", 0.0, 0.0, 0, (), None)])


class Translator:
    """A trained model with its tokenizers, loaded once."""

    def __init__(
        self,
        model_folder: Path,
        settings: DecodeSettings,
        warn: Callable[[str], object] = LOG.warning,
    ) -> None:
        """`warn` is told of lines that are cut. Raises UserError where the folder is no model."""
        self.settings = settings
        self.device = pick_device(settings.device, "decode.device")
        self.number_type = pick_number_type(settings.number_type, self.device)
        self.model = load_model(model_folder, self.device, self.number_type)
        self.src_tokenizer = Tokenizer(model_folder / "src.model")
        self.tgt_tokenizer = Tokenizer(model_folder / "tgt.model")
        self._warn = warn

    def translate(
        self,
        texts: Sequence[str],
        attention_maps: int = 0,
        progress: Progress = lambda done: None,
    ) -> list[Translation]:
        """A translation for each text, in their order; blank texts never reach the model.

        Attention weights are kept for the first `attention_maps` texts. `progress` is told how
        many texts were done since its last call.
        """
        with memory_told(self._too_large):
            return self._translate(texts, attention_maps, progress)

    def _translate(
        self, texts: Sequence[str], attention_maps: int, progress: Progress
    ) -> list[Translation]:
        sources = self._encode(texts)
        real = [index for index, ids in enumerate(sources) if ids]
        progress(len(texts) - len(real))
        found = find_all(
            self.model,
            [sources[index] for index in real],
            self.settings,
            self.device,
            # As many of the lines that are not blank as lie among the first ones.
            sum(index < attention_maps for index in real),
            progress,
        )
        translations = [EMPTY] * len(texts)
        for index, hypotheses in zip(real, found, strict=True):
            translations[index] = self._translation(sources[index], hypotheses)
        return translations

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        progress: Progress = lambda done: None,
    ) -> list[ReferenceScore]:
        """The nats and tokens that the model needs for each target, given its source."""
        return score_all(
            self.model,
            self._encode(sources),
            self.tgt_tokenizer.encode(targets),
            self.settings,
            self.device,
            progress,
        )

    def _too_large(self) -> str:
        settings = self.settings
        return (
            f"lower decode.batch_tokens ({settings.batch_tokens}), decode.beam_size "
            f"({settings.beam_size}) or decode.max_source_length ({settings.max_source_length})"
        )

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        limit = self.settings.max_source_length
        sources: list[list[int]] = self.src_tokenizer.encode(texts)
        for text, ids in zip(texts, sources, strict=True):
            if len(ids) > limit:
                self._warn(
                    f"cut to the first {limit:,} of {len(ids):,} pieces (max_source_length): "
                    f"{text[:40]!r}..."
                )
                del ids[limit:]
        return sources

    def _translation(self, source: list[int], found: list[Found]) -> Translation:
        if not found:
            raise UserError(
                "the model gives no hypothesis a probability: its weights are damaged or its "
                "training diverged; train it again, with a lower learning rate or in float32"
            )
        src_pieces = tuple(self.src_tokenizer.pieces([*source, EOS_ID]))
        texts = self.tgt_tokenizer.decode([hypothesis.tokens for hypothesis in found])
        return Translation(
            src_pieces, [self._hypothesis(*pair) for pair in zip(texts, found, strict=True)]
        )

    def _hypothesis(self, text: str, found: Found) -> Hypothesis:
        return Hypothesis(
            # Pieces may spell a line break; a translation is one line all the same.
            text=" ".join(text.split("\n")),
            score=found.score,
            log_prob=found.log_prob,
            tokens=len(found.tokens),
            pieces=tuple(self.tgt_tokenizer.pieces(found.tokens)),
            attn_weights_TS=found.attn_weights_TS,
        )
