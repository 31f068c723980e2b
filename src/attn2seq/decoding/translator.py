"""Texts in, texts out: a model folder as one object."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from attn2seq.batching.batch import TokenIds
from attn2seq.config import shown, some, validate
from attn2seq.decoding.batched import Progress, Reader, find_all, score_all
from attn2seq.decoding.ensemble import Member, load_members
from attn2seq.decoding.mbr import nbest_weights, rank, sample_weights
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings, SearchOptions
from attn2seq.decoding.translation import EMPTY, Hypothesis, Translation
from attn2seq.errors import UserError
from attn2seq.model.device import cpu_threads, memory_told, pick_device, pick_number_type
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.preparing.cleaning import normalise_texts
from attn2seq.preparing.settings import UnicodeForm
from attn2seq.tokenization.tokenizer import EOS_ID, UNK_ID, Tokenizer

LOG = logging.getLogger(__name__)
# What UTF-8 cannot write, and no file can hold.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


class Translator:
    """A trained model with its tokenizers, or an ensemble of several, loaded once.

    `attn2seq.load` makes one from a model folder that knows its settings. Changes nothing of the
    process that uses it; `settings.threads`, where it is not 0, holds within a call. Calls may come
    from several threads at once.
    """

    def __init__(
        self,
        model_folder: Path,
        settings: DecodeSettings,
        warn: Callable[[str], object] = LOG.warning,
        further: Sequence[Path] = (),
        unicode_form: UnicodeForm = "none",
    ) -> None:
        """`further` are the folders of the models that decode.ensemble names, `unicode_form` the
        form of the texts that they were trained with.

        `warn` is told of lines that are cut. Raises UserError where a folder is no model, or has
        another target vocabulary than the first.
        """
        self.settings = settings
        self.unicode_form: UnicodeForm = unicode_form
        self.device = pick_device(settings.device, "decode.device")
        self.number_type = pick_number_type(settings.number_type, self.device)
        with cpu_threads(settings.threads):
            members = load_members([model_folder, *further], self.device, self.number_type)
        first, *self.others = members
        self.model, self.src_tokenizer = first.model, first.src_tokenizer
        models = [self.model, *(other.model for other in self.others)]
        # Each model as the searches call it. A state that grows has a new shape at each step.
        self.steps: list[Member] = [
            RecordedSteps(model) if self.device.type == "cuda" and not _grows(model) else model
            for model in models
        ]
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
        texts: Iterable[str],
        *,
        beam_size: int | None = None,
        nbest: int | None = None,
        prefix: str | Sequence[str] | None = None,
        attention_maps: int = 0,
        progress: Progress = lambda done: None,
        **options: Unpack[SearchOptions],
    ) -> list[Translation]:
        """A translation for each text, in their order; blank texts never reach the model.

            translator.translate(["Where is the station?"], nbest=3)[0].text
            translator.translate(["Good morning"], search="sampling", temperature=0.7)

        Texts are normalised here, as the model's training texts were. `beam_size`, `nbest` and the
        further options take the place of the settings that the model was scored with, for this
        call. Hypotheses begin with `prefix`, the same for all texts or one for each: to the piece,
        so that a word may go on where its prefix ends. Attention weights are kept for the first
        `attention_maps` texts. `progress` is told how many texts were done since its last call.

        Raises TypeError where texts are no list of strings; UserError for an option that cannot
        be, and for a prefix that the target vocabulary cannot write.
        """
        lines = self._lines(texts, "texts")
        begun = None if prefix is None else self._prefixes(prefix, len(lines))
        settings = self._settings({"beam_size": beam_size, "nbest": nbest, **options})
        with memory_told(lambda: _too_large(settings)), cpu_threads(settings.threads):
            return self._translate(lines, settings, attention_maps, progress, begun)

    def score(self, sources: Iterable[str], targets: Iterable[str]) -> list[float]:
        """The log-probability, in nats, that the model gives each target as the translation of its
        source: 0 for certain, and below.

            translator.score(["Where is the station?"], ["Wo ist der Bahnhof?"])  # [-0.41]

        Both are normalised here. Raises TypeError where they are no lists of strings, UserError
        where they are not as many.
        """
        return [-score.nats for score in self.reference_scores(sources, targets)]

    def reference_scores(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        progress: Progress = lambda done: None,
    ) -> list[ReferenceScore]:
        """The nats and tokens that the model needs for each target, given its source."""
        settings = self.settings
        src, tgt = self._lines(sources, "sources"), self._lines(targets, "targets")
        if len(src) != len(tgt):
            raise UserError(f"{len(src):,} sources, but {len(tgt):,} targets: give one each")
        with memory_told(lambda: _too_large(settings)), cpu_threads(settings.threads):
            readers = self._readers(src, settings.max_source_length)
            tgt_ids = self.tgt_tokenizer.encode(tgt)
            return score_all(readers, tgt_ids, settings, self.device, progress)

    def source_lengths(self, texts: Iterable[str]) -> list[int]:
        """The number of pieces of each text; those after max_source_length are not read."""
        return [len(ids) for ids in self.src_tokenizer.encode(self._lines(texts, "texts"))]

    def _translate(
        self,
        lines: list[str],
        settings: DecodeSettings,
        attention_maps: int,
        progress: Progress,
        begun: list[list[int]] | None,
    ) -> list[Translation]:
        readers = self._readers(lines, settings.max_source_length)
        sources = readers[0].sources
        self._tell_unknown(lines, sources)
        real = [index for index, ids in enumerate(sources) if len(ids)]
        progress(len(lines) - len(real))
        found = find_all(
            [Reader(one.model, [one.sources[index] for index in real]) for one in readers],
            settings,
            self.device,
            # As many of the lines that are not blank as lie among the first ones.
            sum(index < attention_maps for index in real),
            progress,
            None if begun is None else [begun[index] for index in real],
        )
        translations = [EMPTY] * len(lines)
        for index, hypotheses in zip(real, found, strict=True):
            src_pieces = tuple(self.src_tokenizer.pieces([*sources[index], EOS_ID]))
            translations[index] = Translation(src_pieces, self._hypotheses(hypotheses, settings))
        return translations

    def _settings(self, given: Mapping[str, Any]) -> DecodeSettings:
        """The translator's own under those given that are not None."""
        changes = {key: value for key, value in given.items() if value is not None}
        if not changes:
            return self.settings
        values = {"decode": self.settings.model_dump() | changes}
        settings = validate({"decode": DecodeSettings}, values, "the request")["decode"]
        assert isinstance(settings, DecodeSettings)
        return settings

    def _lines(self, texts: Iterable[str], what: str) -> list[str]:
        """The texts as clean as those that the model was trained with."""
        if isinstance(texts, str):
            raise TypeError(f"{what} must be a list of strings, not one: give [{shown(texts)}]")
        lines = list(texts)
        for index, text in enumerate(lines):
            if not isinstance(text, str):
                raise TypeError(f"{what}[{index}] must be a string, not {shown(text)}")
            if _HALF_A_CHARACTER.search(text):
                raise UserError(f"{what}[{index}] holds half of a surrogate pair, which is no text")
        return normalise_texts(lines, self.unicode_form)

    def _readers(self, texts: Sequence[str], limit: int) -> list[Reader]:
        """Each model with the texts in the pieces that it was trained on."""
        sources = self._encode(texts, self.src_tokenizer, limit)
        return [Reader(self.steps[0], sources)] + [
            Reader(
                steps,
                sources
                if other.src_vocabulary == self._src_vocabulary
                else self._encode(texts, other.src_tokenizer, limit),
            )
            for other, steps in zip(self.others, self.steps[1:], strict=True)
        ]

    def _encode(self, texts: Sequence[str], tokenizer: Tokenizer, limit: int) -> list[list[int]]:
        sources: list[list[int]] = tokenizer.encode(texts)
        for text, ids in zip(texts, sources, strict=True):
            if len(ids) > limit:
                self._warn(
                    f"cut to the first {limit:,} of {len(ids):,} pieces (max_source_length): "
                    f"{text[:40]!r}..."
                )
                del ids[limit:]
        return sources

    def _tell_unknown(self, texts: list[str], sources: Sequence[TokenIds]) -> None:
        """The model reads what its vocabulary lacks as one and the same unknown piece."""
        odd = [text for text, ids in zip(texts, sources, strict=True) if UNK_ID in ids]
        if not odd:
            return
        words = self.src_tokenizer.model_type == "word"
        units = sorted({unit for text in odd for unit in (text.split() if words else text)} - {" "})
        encoded = self.src_tokenizer.encode(units)
        unknown = [unit for unit, ids in zip(units, encoded, strict=True) if UNK_ID in ids]
        self._warn(
            f"{'words' if words else 'characters'} that the model's vocabulary lacks: "
            f"{some(unknown)} (in {len(odd):,} of {len(texts):,} texts)"
        )

    def _prefixes(self, prefix: str | Sequence[str], count: int) -> list[list[int]]:
        """What each of so many hypotheses begins with, in pieces."""
        prefixes = [prefix] * count if isinstance(prefix, str) else prefix
        if len(prefixes) != count:
            raise UserError(f"{count:,} texts, but {len(prefixes):,} prefixes: give one each")
        lines = self._lines(prefixes, "prefix")
        begun = self.tgt_tokenizer.encode(lines)
        for number, (text, ids) in enumerate(zip(lines, begun, strict=True), start=1):
            if UNK_ID in ids:
                raise UserError(
                    f"prefix {number} ({text[:40]!r}) cannot be written with the target "
                    "vocabulary: it knows "
                    f"{self.tgt_tokenizer.decode([ids])[0][:60]!r} of it (⁇: unknown)"
                )
        return begun

    def _hypotheses(self, found: list[Found], settings: DecodeSettings) -> list[Hypothesis]:
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
        if settings.mbr != "none":
            weights = (
                sample_weights(len(found))
                if settings.search == "sampling"
                else nbest_weights([hypothesis.log_prob for hypothesis in found])
            )
            ranked = rank(settings.mbr, texts, weights)
            hypotheses = [replace(hypotheses[one.place], score=one.utility) for one in ranked]
        if settings.search == "beam":
            # One text can be segmented in several ways, and each is a hypothesis; the best counts.
            first: dict[str, Hypothesis] = {}
            for one in hypotheses:
                first.setdefault(one.text, one)
            hypotheses = list(first.values())
        return hypotheses[: settings.kept]

    def _hypothesis(self, text: str, found: Found) -> Hypothesis:
        return Hypothesis(
            text=text,
            score=found.score,
            log_prob=found.log_prob,
            tokens=len(found.tokens),
            pieces=tuple(self.tgt_tokenizer.pieces(found.tokens)),
            attn_weights_TS=found.attn_weights_TS,
        )


def _too_large(settings: DecodeSettings) -> str:
    rows = "beam_size" if settings.search == "beam" else "nbest"
    if settings.search == "sampling" and settings.mbr != "none":
        rows = "mbr_candidates"
    return (
        f"lower decode.batch_tokens ({settings.batch_tokens}), decode.{rows} "
        f"({settings.rows}) or decode.max_source_length ({settings.max_source_length})"
    )


def _grows(model: Member) -> bool:
    return isinstance(model, Seq2Seq) and model.settings.grows
