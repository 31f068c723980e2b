"""Charts as plain geometry, which a template draws as SVG: text stays text, colours follow CSS.

line_chart("loss", [("train", [(0, 4.0), (100, 2.0)])], marker=None)
the path of its only curve: "M44,16L430,206" in a box of 440 by 236 units
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 440, 236
LEFT, RIGHT, TOP, BOTTOM = 58, 430, 16, 206  # a label has up to seven characters
DOTS_UP_TO = 60


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it stands in the drawing, and its text."""

    place: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One line: `path` is an SVG path; `dots` mark the points where they are few."""

    name: str
    path: str
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class LineChart:
    """A chart ready to be drawn; `marker` is where a vertical line stands, if one does."""

    title: str
    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    marker: float | None


def line_chart(
    title: str, lines: Sequence[tuple[str, Points]], marker: float | None
) -> LineChart | None:
    """A chart of named lines over steps from 0 on; None where there is no point to draw."""
    xs = [x for _, points in lines for x, _ in points]
    ys = [y for _, points in lines for _, y in points]
    if not xs:
        return None
    x_low, x_high = min(0.0, *xs), max(xs)
    x_marks, y_marks = ticks(x_low, x_high), ticks(min(ys), max(ys))
    y_low, y_high = min(y_marks[0], min(ys)), max(y_marks[-1], max(ys))

    def across(x: float) -> float:
        return _scale(x, x_low, x_high, LEFT, RIGHT)

    def down(y: float) -> float:
        return _scale(y, y_low, y_high, BOTTOM, TOP)

    curves = []
    for name, points in lines:
        placed = [(across(x), down(y)) for x, y in points]
        path = "L".join(f"{x:g},{y:g}" for x, y in placed)
        dots = placed if len(placed) <= DOTS_UP_TO else []
        curves.append(Curve(name, f"M{path}" if path else "", dots))
    return LineChart(
        title=title,
        curves=curves,
        x_ticks=[Tick(across(x), label_number(x)) for x in x_marks if x_low <= x <= x_high],
        y_ticks=[Tick(down(y), label_number(y)) for y in y_marks],
        marker=None if marker is None else across(marker),
    )


def ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers that reach from `low` to `high`.

    `ticks(0.3, 7.9)` gives `[0, 2, 4, 6, 8]`.
    """
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def thin(points: Points, most: int) -> list[tuple[float, float]]:
    """At most `most` points: neighbours are averaged, so that no stretch is left out."""
    size = math.ceil(len(points) / most) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]


def label_number(value: float) -> str:
    """A number as a tick shows it: `12000` as `12k`, `0.0005` as `5e-4`, `0.25` as it is."""
    if value and abs(value) < 0.001:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    if abs(value) >= 1_000:
        return f"{value / 1_000:g}k"
    return f"{value:g}"


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(start + share * (end - start), 1)
