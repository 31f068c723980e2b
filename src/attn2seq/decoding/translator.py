"""Texts in, texts out: a model folder as one object."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from attn2seq.decoding.batched import Progress, Reader, find_all, score_all
from attn2seq.decoding.ensemble import Member, load_members
from attn2seq.decoding.mbr import nbest_weights, rank, sample_weights
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.device import memory_told, pick_device, pick_number_type, tune_cpu
from attn2seq.tokenization.tokenizer import EOS_ID, UNK_ID, Tokenizer

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    text: str  # one line
    score: float  # what the search ranks by; with decode.mbr the expected utility, 0 to 100
    log_prob: float  # nats
    tokens: int  # eos counted
    pieces: tuple[str, ...]  # eos last
    attn_weights_TS: NDArray[np.float32] | None  # a row for each of pieces; None where not kept


@dataclass(frozen=True)
class Translation:
    """The hypotheses of one line, best first (samples: as drawn); at least one."""

    src_pieces: tuple[str, ...]  # as the model read them: cut where too long, eos last
    hypotheses: list[Hypothesis]


EMPTY = Translation((), [Hypothesis("", 0.0, 0.0, 0, (), None)])


class Translator:
    """A trained model with its tokenizers, or an ensemble of several, loaded once."""

    def __init__(
        self,
        model_folder: Path,
        settings: DecodeSettings,
        warn: Callable[[str], object] = LOG.warning,
        further: Sequence[Path] = (),
    ) -> None:
        """`further` are the folders of the models that decode.ensemble names.

        `warn` is told of lines that are cut. Sets the process's number of threads. Raises UserError
        where a folder is no model, or has another target vocabulary than the first.
        """
        tune_cpu()
        self.settings = settings
        torch.set_num_threads(settings.threads or torch.get_num_threads())
        self.device = pick_device(settings.device, "decode.device")
        self.number_type = pick_number_type(settings.number_type, self.device)
        first, *self.others = load_members([model_folder, *further], self.device, self.number_type)
        self.model, self.src_tokenizer = first.model, first.src_tokenizer
        models = [self.model, *(other.model for other in self.others)]
        # Each model as the searches call it.
        self.steps: list[Member] = (
            [RecordedSteps(model) for model in models] if self.device.type == "cuda" else models
        )
        self._src_vocabulary = first.src_vocabulary
        tgt = model_folder / "tgt.model"
        joint = tgt.is_file() and tgt.read_bytes() == first.src_vocabulary
        self.tgt_tokenizer = self.src_tokenizer if joint else Tokenizer(tgt)
        self._warn = warn
        if len(further) < len(settings.ensemble):
            warn(
                f"{model_folder} decodes without all models that decode.ensemble names "
                f"({', '.join(settings.ensemble)}): they were not given"
            )

    def translate(
        self,
        texts: Sequence[str],
        attention_maps: int = 0,
        progress: Progress = lambda done: None,
        prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        """A translation for each text, in their order; blank texts never reach the model.

        Attention weights are kept for the first `attention_maps` texts. `progress` is told how
        many texts were done since its last call. `prefixes`, one for each text, are what its
        hypotheses begin with: to the piece, so that a word may go on where its prefix ends. Raises
        UserError for a prefix that the target vocabulary cannot write.
        """
        if prefixes is not None and len(prefixes) != len(texts):
            raise UserError(f"{len(texts):,} texts, but {len(prefixes):,} prefixes: give one each")
        with memory_told(self._too_large):
            return self._translate(texts, attention_maps, progress, prefixes)

    def _translate(
        self,
        texts: Sequence[str],
        attention_maps: int,
        progress: Progress,
        prefixes: Sequence[str] | None,
    ) -> list[Translation]:
        readers = self._readers(texts)
        sources = readers[0].sources
        real = [index for index, ids in enumerate(sources) if len(ids)]
        progress(len(texts) - len(real))
        begun = None if prefixes is None else self._encode_prefixes(prefixes)
        found = find_all(
            [Reader(one.model, [one.sources[index] for index in real]) for one in readers],
            self.settings,
            self.device,
            # As many of the lines that are not blank as lie among the first ones.
            sum(index < attention_maps for index in real),
            progress,
            None if begun is None else [begun[index] for index in real],
        )
        translations = [EMPTY] * len(texts)
        for index, hypotheses in zip(real, found, strict=True):
            src_pieces = tuple(self.src_tokenizer.pieces([*sources[index], EOS_ID]))
            translations[index] = Translation(src_pieces, self._hypotheses(hypotheses))
        return translations

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        progress: Progress = lambda done: None,
    ) -> list[ReferenceScore]:
        """The nats and tokens that the model needs for each target, given its source."""
        return score_all(
            self._readers(sources),
            self.tgt_tokenizer.encode(targets),
            self.settings,
            self.device,
            progress,
        )

    def _too_large(self) -> str:
        settings = self.settings
        rows = "beam_size" if settings.search == "beam" else "nbest"
        if settings.search == "sampling" and settings.mbr != "none":
            rows = "mbr_candidates"
        return (
            f"lower decode.batch_tokens ({settings.batch_tokens}), decode.{rows} "
            f"({settings.rows}) or decode.max_source_length ({settings.max_source_length})"
        )

    def _readers(self, texts: Sequence[str]) -> list[Reader]:
        """Each model with the texts in the pieces that it was trained on."""
        sources = self._encode(texts, self.src_tokenizer)
        return [Reader(self.steps[0], sources)] + [
            Reader(
                steps,
                sources
                if other.src_vocabulary == self._src_vocabulary
                else self._encode(texts, other.src_tokenizer),
            )
            for other, steps in zip(self.others, self.steps[1:], strict=True)
        ]

    def _encode(self, texts: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
        limit = self.settings.max_source_length
        sources: list[list[int]] = tokenizer.encode(texts)
        for text, ids in zip(texts, sources, strict=True):
            if len(ids) > limit:
                self._warn(
                    f"cut to the first {limit:,} of {len(ids):,} pieces (max_source_length): "
                    f"{text[:40]!r}..."
                )
                del ids[limit:]
        return sources

    def _encode_prefixes(self, prefixes: Sequence[str]) -> list[list[int]]:
        begun = self.tgt_tokenizer.encode(prefixes)
        for number, (text, ids) in enumerate(zip(prefixes, begun, strict=True), start=1):
            if UNK_ID in ids:
                raise UserError(
                    f"prefix {number} ({text[:40]!r}) cannot be written with the target "
                    "vocabulary: it knows "
                    f"{self.tgt_tokenizer.decode([ids])[0][:60]!r} of it (⁇: unknown)"
                )
        return begun

    def _hypotheses(self, found: list[Found]) -> list[Hypothesis]:
        """Those that are wanted of the candidates found, ranked again where mbr asks for it."""
        if not found:
            raise UserError(
                "the model gives no hypothesis a probability: its weights are damaged or its "
                "training diverged; train it again, with a lower learning rate or in float32"
            )
        texts = self.tgt_tokenizer.decode([hypothesis.tokens for hypothesis in found])
        # Pieces may spell a line break; a translation is one line all the same.
        texts = [" ".join(text.split("\n")) for text in texts]
        hypotheses = [self._hypothesis(*pair) for pair in zip(texts, found, strict=True)]
        if self.settings.mbr != "none":
            weights = (
                sample_weights(len(found))
                if self.settings.search == "sampling"
                else nbest_weights([hypothesis.log_prob for hypothesis in found])
            )
            ranked = rank(self.settings.mbr, texts, weights)
            hypotheses = [replace(hypotheses[one.place], score=one.utility) for one in ranked]
        return hypotheses[: self.settings.kept]

    def _hypothesis(self, text: str, found: Found) -> Hypothesis:
        return Hypothesis(
            text=text,
            score=found.score,
            log_prob=found.log_prob,
            tokens=len(found.tokens),
            pieces=tuple(self.tgt_tokenizer.pieces(found.tokens)),
            attn_weights_TS=found.attn_weights_TS,
        )
