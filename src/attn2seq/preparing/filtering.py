"""The reasons for which a training pair is left out.

Those that OpusFilter has too are called after it: the character score is its CharacterScoreFilter,
the language id score its LanguageIDFilter, max_length_ratio the threshold of its LengthRatioFilter,
max_similarity that of its SimilarityFilter.
"""

from collections.abc import Sequence, Set

import numpy as np

from attn2seq.preparing.key_set import KeySet
from attn2seq.preparing.keys import pair_keys, text_keys
from attn2seq.preparing.scores import LanguageIdentifier, character_score, similarity
from attn2seq.preparing.settings import PrepareSettings

# Why a training pair is left out, in the order in which it is asked; named like the settings.
REASONS = (
    "empty",
    "max_words",
    "max_characters",
    "max_length_ratio",
    "max_similarity",
    "min_character_score",
    "min_language_id_score",
    "drop_leaked_sources",
    "drop_duplicates",
    "drop_duplicate_targets",
    "limit_train_pairs",
)


def too_long(settings: PrepareSettings, src: str, tgt: str) -> str | None:
    """The setting by which a pair is too long, or None."""
    if settings.max_words and max(word_count(src), word_count(tgt)) > settings.max_words:
        return "max_words"
    if settings.max_characters and max(len(src), len(tgt)) > settings.max_characters:
        return "max_characters"
    return None


def word_count(text: str) -> int:
    """Words of a normalised text that is not empty."""
    return text.count(" ") + 1


class PairFilter:
    """Says of training pairs whether to leave them out, and why; it remembers the pairs kept."""

    def __init__(
        self, settings: PrepareSettings, evaluation_sources: Set[str], languages: tuple[str, str]
    ) -> None:
        """`evaluation_sources` holds the sources of dev and test; `languages` those of the sides.

        Raises UserError where languages are to be identified, and cannot be.
        """
        self._settings = settings
        self._evaluation_sources = evaluation_sources
        self._kept, self._targets = KeySet(), KeySet()
        self._scripts = (settings.src_script, settings.tgt_script)
        self._languages = languages
        self._identifier = LanguageIdentifier(languages) if settings.min_language_id_score else None

    def reasons(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """Of each pair one of REASONS, or None to keep it; pairs may come in several calls."""
        reasons = [self._own_reason(src, tgt) for src, tgt in pairs]
        if self._settings.drop_duplicates:
            asked = [place for place, reason in enumerate(reasons) if reason is None]
            new = self._kept.add(pair_keys(pairs[place] for place in asked))
            for place in np.array(asked, int)[~new]:
                reasons[place] = "drop_duplicates"
        if self._settings.drop_duplicate_targets:
            asked = [place for place, reason in enumerate(reasons) if reason is None]
            new = self._targets.add(text_keys(pairs[place][1] for place in asked))
            for place in np.array(asked, int)[~new]:
                reasons[place] = "drop_duplicate_targets"
        return reasons

    def _own_reason(self, src: str, tgt: str) -> str | None:
        """What speaks against a pair, whatever came before it."""
        settings = self._settings
        if not src or not tgt:
            return "empty"
        if reason := too_long(settings, src, tgt):
            return reason
        length = len if settings.length_ratio_unit == "character" else word_count
        fewer, more = sorted((length(src), length(tgt)))
        if settings.max_length_ratio and more > settings.max_length_ratio * fewer:
            return "max_length_ratio"
        if settings.max_similarity < 1 and similarity(src, tgt) > settings.max_similarity:
            return "max_similarity"
        for text, script in zip((src, tgt), self._scripts, strict=True):
            if script and character_score(text, script) < settings.min_character_score:
                return "min_character_score"
        if self._identifier and any(
            self._identifier.score(text, language) < settings.min_language_id_score
            for text, language in zip((src, tgt), self._languages, strict=True)
        ):
            return "min_language_id_score"
        if settings.drop_leaked_sources and src in self._evaluation_sources:
            return "drop_leaked_sources"
        return None
