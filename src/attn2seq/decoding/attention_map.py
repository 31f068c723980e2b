"""An attention map as text, for a terminal."""

import unicodedata

from attn2seq.decoding.translation import Hypothesis

SHADES = " ░▒▓█"  # a fifth of the weight each


def draw_attention(src_pieces: tuple[str, ...], hypothesis: Hypothesis) -> str:
    """A row for each target piece, a column for each source piece, whose name reads downward.

    For weights [[0.9, 0.1], [0.3, 0.7]] of source `no </s>` and target `ne </s>`:

             n <
             o /
               s
               >
        ne   ██
        </s> ░░▓▓

    Empty for a hypothesis without weights.
    """
    if hypothesis.attn_weights_TS is None:
        return ""
    margin = max(_width(piece) for piece in hypothesis.pieces)
    height = max(len(piece) for piece in src_pieces)
    lines = [
        " " * margin + " " + "".join(_cell(piece.ljust(height)[level]) for piece in src_pieces)
        for level in range(height)
    ]
    for piece, weights_S in zip(hypothesis.pieces, hypothesis.attn_weights_TS, strict=True):
        cells = "".join(_shade(float(weight)) * 2 for weight in weights_S)
        lines.append(piece + " " * (margin - _width(piece)) + " " + cells)
    return "\n".join(line.rstrip() for line in lines)


def _shade(weight: float) -> str:
    return SHADES[min(int(weight * len(SHADES)), len(SHADES) - 1)]


def _cell(character: str) -> str:
    """A character in a column of two, which a wide one fills."""
    return character + " " * (2 - _width(character))


def _width(text: str) -> int:
    """Columns in a terminal; East Asian wide characters take two, combining marks none."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )
