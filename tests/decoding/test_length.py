import pytest
from table_model import decode_settings

from attn2seq.decoding.ranking import length_penalties, length_penalty


def test_wu_by_hand() -> None:
    # ((5 + 7) / 6) ** 1 = 2; ((5 + 1) / 6) ** alpha = 1; ((5 + 19) / 6) ** 0.5 = sqrt(4) = 2.
    assert length_penalty(decode_settings(length_alpha=1.0), 7) == 2.0
    assert length_penalty(decode_settings(length_alpha=0.6), 1) == 1.0
    assert length_penalty(decode_settings(length_alpha=0.5), 19) == pytest.approx(2.0)


def test_wu_with_alpha_zero_is_none() -> None:
    flat = length_penalties(decode_settings(length_alpha=0.0), 30)
    none = length_penalties(decode_settings(length_normalisation="none"), 30)
    assert flat.tolist() == none.tolist() == [1.0] * 31


def test_average_divides_by_the_tokens() -> None:
    assert length_penalties(decode_settings(length_normalisation="average"), 4).tolist()[1:] == [
        1.0,
        2.0,
        3.0,
        4.0,
    ]


@pytest.mark.parametrize("kind", ["none", "average", "wu"])
def test_no_penalty_falls_with_the_length(kind: str) -> None:
    # The early stop of the beam rests on this.
    for alpha in (0.0, 0.3, 1.0, 3.0):
        settings = decode_settings(length_normalisation=kind, length_alpha=alpha)
        penalties = length_penalties(settings, 500)
        assert (penalties.diff() >= 0).all()
