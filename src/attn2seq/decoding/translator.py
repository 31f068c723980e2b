"""Texts in, texts out: a model folder as one object."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from attn2seq.batching.batch import Source
from attn2seq.config import shown, some
from attn2seq.decoding.batched import Progress, Reader, find_share, score_all
from attn2seq.decoding.divided import of_all
from attn2seq.decoding.ensemble import Member, load_members
from attn2seq.decoding.mbr import nbest_weights, rank, sample_weights
from attn2seq.decoding.reading_notes import Notes, check_text, merged, notes_of, unknown_units
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.search import Found
from attn2seq.decoding.settings import DecodeSettings, SearchOptions, requested_settings
from attn2seq.decoding.translation import EMPTY, Hypothesis, Translation
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.errors import UserError
from attn2seq.model.device import (
    cpu_threads,
    full_precision,
    memory_told,
    pick_device,
    pick_number_type,
)
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.preparing.cleaning import normalise_text, normalise_texts
from attn2seq.preparing.settings import UnicodeForm
from attn2seq.tokenization.tokenizer import EOS_ID, UNK_ID, Tokenizer

LOG = logging.getLogger(__name__)


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
        ranks: Ranks = ALONE,
    ) -> None:
        """`further` are the folders of the models that decode.ensemble names, `unicode_form` the
        form of the texts that they were trained with. Each of several `ranks` does a share of the
        work, and has the results of all.

        `warn` is told of texts that cannot be read as they stand. Raises UserError where a folder
        is no model, or has another target vocabulary than the first.
        """
        self.settings = settings
        self.unicode_form: UnicodeForm = unicode_form
        self.ranks = ranks
        self.device = pick_device(settings.device, "decode.device")
        self.number_type = pick_number_type(settings.number_type, self.device)
        with cpu_threads(settings.threads):
            members = load_members([model_folder, *further], self.device, self.number_type)
        first, *self.others = members
        self.model = first.model
        if first.src_tokenizer is not None:
            self.src_tokenizer = first.src_tokenizer
        models = [self.model, *(other.model for other in self.others)]
        # Each model as the searches call it. A state that grows has a new shape at each step.
        self.steps: list[Member] = [
            RecordedSteps(model) if self.device.type == "cuda" and _keeps_shapes(model) else model
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
        """A translation for each text, in their order.

            translator.translate(["Where is the station?"], nbest=3)[0].text
            translator.translate(["Good morning"], search="sampling", temperature=0.7)

        Texts are normalised here, as the model's training texts were. A blank one gives the empty
        text. One that cannot be read as it stands is translated all the same, and what was done is
        in its `notes`, and told to `warn`: line breaks are read as spaces, the pieces after
        max_source_length are left out, and characters that the vocabulary lacks are read as one
        and the same unknown piece. `beam_size`, `nbest` and the
        further options take the place of the settings that the model was scored with, for this
        call. Hypotheses begin with `prefix`, the same for all texts or one for each: to the piece,
        so that a word may go on where its prefix ends. Attention weights are kept for the first
        `attention_maps` texts. `progress` is told how many texts were done since its last call.

        Raises TypeError where texts are no list of strings; UserError for one of more than
        MAX_CHARACTERS, for an option that cannot be, for more hypotheses than the search has, and
        for a prefix that the target vocabulary cannot write.
        """
        lines = _checked(texts, "text")
        begun = None if prefix is None else self._prefixes(prefix, len(lines))
        given = {"beam_size": beam_size, "nbest": nbest, **options}
        settings = requested_settings(self.settings.model_dump(), given)
        with (
            memory_told(lambda: _too_large(settings)),
            cpu_threads(settings.threads),
            full_precision(),
        ):
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
        src, tgt = _checked(sources, "source"), _checked(targets, "target")
        if len(src) != len(tgt):
            raise UserError(f"{len(src):,} sources, but {len(tgt):,} targets: give one each")
        with (
            memory_told(lambda: _too_large(settings)),
            cpu_threads(settings.threads),
            full_precision(),
        ):
            readers, _ = self._read(src, settings.max_source_length)
            tgt_ids = self.tgt_tokenizer.encode(normalise_texts(tgt, self.unicode_form))
            return score_all(readers, tgt_ids, settings, self.device, progress, self.ranks)

    def _translate(
        self,
        lines: list[str],
        settings: DecodeSettings,
        attention_maps: int,
        progress: Progress,
        begun: list[list[int]] | None,
    ) -> list[Translation]:
        readers, notes = self._read(lines, settings.max_source_length)
        sources = readers[0].sources
        real = [index for index, ids in enumerate(sources) if len(ids)]
        progress(len(lines) - len(real))
        found = find_share(
            [Reader(one.model, [one.sources[index] for index in real]) for one in readers],
            settings,
            self.device,
            # As many of the lines that are not blank as lie among the first ones.
            sum(index < attention_maps for index in real),
            progress,
            None if begun is None else [begun[index] for index in real],
            self.ranks,
        )
        own = {place: self._hypotheses(each, settings) for place, each in found.items()}
        hypotheses = of_all(own, self.ranks)
        translations = [EMPTY] * len(lines)
        for place, index in enumerate(real):
            translations[index] = Translation(
                self._src_pieces(lines[index], sources[index]),
                hypotheses[place],
                notes.get(index, ()),
            )
        return translations

    def _src_pieces(self, line: str, source: Source) -> tuple[str, ...]:
        """What the attention's columns stand for."""
        text = normalise_text(line, self.unicode_form)
        pieces = self.src_tokenizer.read_as(text, [int(token) for token in source])
        return (*pieces, *self.src_tokenizer.pieces([EOS_ID]))

    def _read(self, texts: list[str], limit: int) -> tuple[list[Reader], Notes]:
        """Each model with the texts in the pieces that it was trained on, at most `limit` each; and
        what the first one cannot read as it stands, which `warn` is told.
        """
        lines = normalise_texts(texts, self.unicode_form)
        sources = self.src_tokenizer.encode(lines)
        unknown = unknown_units(self.src_tokenizer, lines, sources)
        notes = notes_of(texts, sources, unknown, limit)
        for line in merged(notes, texts):
            self._warn(line)
        first = [ids[:limit] for ids in sources]
        readers = [Reader(self.steps[0], first)]
        for other, steps in zip(self.others, self.steps[1:], strict=True):
            own = other.src_vocabulary != self._src_vocabulary
            assert other.src_tokenizer is not None
            encoded = other.src_tokenizer.encode(lines) if own else first
            readers.append(Reader(steps, [ids[:limit] for ids in encoded]))
        return readers, notes

    def _prefixes(self, prefix: str | Sequence[str], count: int) -> list[list[int]]:
        """What each of so many hypotheses begins with, in pieces."""
        prefixes = [prefix] * count if isinstance(prefix, str) else prefix
        if len(prefixes) != count:
            raise UserError(f"{count:,} texts, but {len(prefixes):,} prefixes: give one each")
        lines = normalise_texts(_checked(prefixes, "prefix"), self.unicode_form)
        begun = self.tgt_tokenizer.encode(lines)
        for number, (text, ids) in enumerate(zip(lines, begun, strict=True), start=1):
            if UNK_ID in ids:
                [unknown] = unknown_units(self.tgt_tokenizer, [text], [ids]).values()
                raise UserError(
                    f"prefix {number} ({text[:40]!r}) cannot be written: the target vocabulary "
                    f"lacks {some(unknown)}"
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


def _checked(texts: Iterable[str], what: str) -> list[str]:
    """The texts, each of which is one. `what` they are is for messages, which count from 1."""
    if isinstance(texts, str):
        raise TypeError(f"give a list of strings, not one: [{shown(texts)}]")
    checked = list(texts)
    for number, text in enumerate(checked, start=1):
        if not isinstance(text, str):
            raise TypeError(f"{what} {number} must be a string, not {shown(text)}")
        check_text(text, f"{what} {number}")
    return checked


def _too_large(settings: DecodeSettings) -> str:
    rows = "beam_size" if settings.search == "beam" else "nbest"
    if settings.search == "sampling" and settings.mbr != "none":
        rows = "mbr_candidates"
    return (
        f"lower decode.batch_tokens ({settings.batch_tokens}), decode.{rows} "
        f"({settings.rows}) or decode.max_source_length ({settings.max_source_length})"
    )


def _keeps_shapes(model: Seq2Seq) -> bool:
    return not model.settings.grows and model.source is None
