import pytest

from attn2seq.report.figures import label_number, line_chart, thin, ticks


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.3, 7.9, [0, 2, 4, 6, 8]),
        (0, 0.001, [0, 2e-4, 4e-4, 6e-4, 8e-4, 1e-3]),
        (57, 95, [50, 60, 70, 80, 90, 100]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_and_hold_the_range(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(marks)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e-9, 123456.0])
def test_ticks_of_a_single_value(value: float) -> None:
    marks = ticks(value, value)
    assert marks[0] <= value <= marks[-1]


def test_chart_by_hand() -> None:
    # Steps 0 to 100 fill the width from 58 to 430; 4 stands at the top, 2 at the bottom.
    chart = line_chart("loss", [("train", [(0, 4.0), (100, 2.0)]), ("dev", [])], marker=50)
    assert chart is not None
    assert chart.curves[0].path == "M58,16L430,206"
    assert chart.curves[1].path == ""
    assert chart.marker == 244
    assert [tick.label for tick in chart.y_ticks] == ["2", "2.5", "3", "3.5", "4"]


def test_no_points_make_no_chart() -> None:
    assert line_chart("loss", [("dev", [])], marker=None) is None


def test_thinning_averages_neighbours_and_keeps_the_mean() -> None:
    points = [(float(x), float(x * x)) for x in range(10)]
    found = thin(points, 5)
    assert found[0] == (0.5, 0.5)
    assert len(found) == 5
    assert sum(y for _, y in found) / 5 == sum(y for _, y in points) / 10
    assert thin(points, 10) == points
    assert thin([], 10) == []


@pytest.mark.parametrize(
    ("value", "label"),
    [(12000, "12k"), (0.0005, "5e-4"), (0.25, "0.25"), (0, "0"), (2_500_000, "2.5M"), (-2, "-2")],
)
def test_labels(value: float, label: str) -> None:
    assert label_number(value) == label
