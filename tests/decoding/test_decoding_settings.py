import pytest
from table_model import decode_settings

from attn2seq.config import ConfigError, validate
from attn2seq.decoding.settings import DecodeSettings


def test_a_beam_gives_no_more_hypotheses_than_it_has() -> None:
    values = decode_settings().model_dump() | {"beam_size": 2}
    assert [DecodeSettings(**values | {"nbest": asked}).kept for asked in (1, 2, 3)] == [1, 2, 2]


def test_every_fault_is_named_with_its_key() -> None:
    values = decode_settings().model_dump() | {"length_alpha": -1.0, "min_length": 1.5}
    del values["beam_size"]
    values["beem_size"] = 5
    with pytest.raises(ConfigError) as error:
        validate({"decode": DecodeSettings}, {"decode": values}, "params.yaml")
    text = str(error.value)
    for part in ("did you mean decode.beam_size?", "decode.length_alpha", "decode.min_length"):
        assert part in text
