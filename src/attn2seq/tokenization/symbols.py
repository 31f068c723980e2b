"""User-defined symbols in a unigram vocabulary: kept whole where sentencepiece would cut them.

BPE and character vocabularies find the symbols first and cut what lies between. A unigram one only
gives them a good score, and where pieces that reach into a symbol score better, it is cut.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

# Below any piece, so that what has a piece is never spelt as unknown: as in sentencepiece.
_UNKNOWN_PENALTY = 10.0


class UncutSymbols:
    """Finds the symbols in a text, from the left, of two at one place the longer."""

    def __init__(
        self,
        symbols: Mapping[str, int],
        plain: Mapping[str, int],
        scores: NDArray[Any],
        unknown: Callable[[str], list[int]],
        unknown_id: int,
    ) -> None:
        """`plain` are the other pieces and `scores` their log-probabilities, by id; `unknown` gives
        the ids of a character that has no piece, which are `unknown_id` or those of its bytes.
        """
        self._symbols, self._plain = symbols, plain
        self._unknown, self._unknown_id = unknown, unknown_id
        self._scores = {token: float(scores[token]) for token in plain.values()}
        self._lowest = min(self._scores.values(), default=0.0) - _UNKNOWN_PENALTY
        self._longest = max(map(len, plain), default=1)
        longest_first = sorted(symbols, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def mend(self, texts: Sequence[str], ids: list[list[int]]) -> None:
        """Segment anew, in `ids`, each text in which a symbol was cut."""
        for place, text in enumerate(texts):
            found = self._pattern.findall(text)
            if found and not self._is_whole(found, ids[place]):
                ids[place] = self._segment(text)

    def whole(self, text: str, candidates: list[list[int]]) -> list[list[int]]:
        """Those segmentations of a text that cut no symbol; the best one, where all do."""
        found = self._pattern.findall(text)
        kept = [ids for ids in candidates if self._is_whole(found, ids)]
        return kept or [self._segment(text)]

    def _is_whole(self, found: list[str], ids: list[int]) -> bool:
        known = self._symbols.values()
        return [self._symbols[text] for text in found] == [token for token in ids if token in known]

    def _segment(self, text: str) -> list[int]:
        """The best segmentation around the symbols."""
        ids: list[int] = []
        start = 0
        spaced = "\u2581" + text.replace(" ", "\u2581")
        for match in (*self._pattern.finditer(spaced), None):
            end = match.start() if match else len(spaced)
            for token in self._best(spaced[start:end]):
                # Several unknown characters in a row are one unknown token.
                if token != self._unknown_id or ids[-1:] != [self._unknown_id]:
                    ids.append(token)
            if match:
                ids.append(self._symbols[match[0]])
                start = match.end()
        return ids

    def _best(self, text: str) -> list[int]:
        """Viterbi: the segmentation of a text without symbols with the highest probability."""
        best: list[tuple[float, int, list[int]]] = [(0.0, 0, [])]
        for end in range(1, len(text) + 1):
            character = text[end - 1]
            options = [(best[end - 1][0] + self._lowest, end - 1, self._unknown(character))]
            for start in range(max(0, end - self._longest), end):
                token = self._plain.get(text[start:end])
                if token is not None:
                    options.append((best[start][0] + self._scores[token], start, [token]))
            best.append(max(options, key=lambda option: option[0]))
        path: list[int] = []
        end = len(text)
        while end:
            _, start, tokens = best[end]
            path = tokens + path
            end = start
        return path
