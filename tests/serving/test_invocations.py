"""What one request may ask for."""

import pytest
from table_model import decode_settings

from attn2seq.errors import UserError
from attn2seq.serving import invocations
from attn2seq.serving.invocations import check_cost

OWN = decode_settings(beam_size=4, max_length_factor=2.0, max_length_offset=10)


def test_the_cost_is_what_the_search_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 30 and of 70 characters, the latter cut to 50: 4 * ((2 * 30 + 10) + (2 * 50 + 10))."""
    texts = ["a" * 30, "a" * 70]
    monkeypatch.setattr(invocations, "MAX_PIECES", 720)
    check_cost(texts, OWN, OWN)
    monkeypatch.setattr(invocations, "MAX_PIECES", 719)
    with pytest.raises(UserError, match=r"may write 720 pieces; 719 are allowed: send fewer"):
        check_cost(texts, OWN, OWN)
    check_cost(texts, OWN.model_copy(update={"beam_size": 3}), OWN)


@pytest.mark.parametrize("name", ["batch_tokens", "max_source_length"])
def test_a_request_takes_no_more_memory_than_the_model_s_own_settings(name: str) -> None:
    most = getattr(OWN, name)
    check_cost(["a"], OWN.model_copy(update={name: most - 1}), OWN)
    with pytest.raises(UserError, match=rf"{name} can be {most:,} at most, the model's own"):
        check_cost(["a"], OWN.model_copy(update={name: most + 1}), OWN)


def test_the_models_own_search_may_have_as_many_texts_as_a_request_holds() -> None:
    usual = decode_settings(
        beam_size=5, max_length_factor=2.0, max_length_offset=20, max_source_length=500
    )
    characters = invocations.MAX_CHARACTERS // invocations.MAX_TEXTS
    check_cost(["a" * characters] * invocations.MAX_TEXTS, usual, usual)
