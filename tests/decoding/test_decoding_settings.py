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


def refusal(**overrides: object) -> str:
    values = decode_settings().model_dump() | overrides
    with pytest.raises(ConfigError) as error:
        validate({"decode": DecodeSettings}, {"decode": values}, "params.yaml")
    return str(error.value)


def test_samples_and_candidates_are_counted() -> None:
    drawn = decode_settings(search="sampling", beam_size=2, nbest=7)
    assert (drawn.candidates, drawn.kept, drawn.rows) == (7, 7, 7)
    ranked = decode_settings(search="sampling", nbest=3, mbr="chrf", mbr_candidates=30)
    assert (ranked.candidates, ranked.kept, ranked.rows) == (30, 3, 30)
    beam = decode_settings(beam_size=9, nbest=4, mbr="bleu", mbr_candidates=6)
    assert (beam.candidates, beam.kept, beam.rows) == (6, 4, 9)


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_k", 5), ("top_p", 0.9)])
def test_what_only_sampling_reads_is_refused_for_a_beam(name: str, value: float) -> None:
    text = refusal(**{name: value})
    assert f"{name} ({value}) is for sampling, but search is beam: set decode.search to" in text
    decode_settings(search="sampling", **{name: value})


def test_coverage_is_refused_where_nothing_is_ranked() -> None:
    assert "set decode.search to beam" in refusal(search="sampling", coverage_penalty=0.2)
    assert "set decode.beam_size to 2 or more" in refusal(beam_size=1, coverage_penalty=0.2)
    decode_settings(beam_size=2, coverage_penalty=0.2)


def test_more_candidates_than_the_beam_has_are_refused() -> None:
    text = refusal(beam_size=4, mbr="chrf", mbr_candidates=5)
    assert "mbr chrf compares 5 hypotheses (mbr_candidates), but the beam has 4" in text
    decode_settings(beam_size=4, mbr="none", mbr_candidates=5)
    decode_settings(beam_size=4, mbr="chrf", mbr_candidates=5, search="sampling")


@pytest.mark.parametrize("name", ["../model", "a/b", "", ".hidden", "a b"])
def test_an_ensemble_names_folders_in_one_place(name: str) -> None:
    assert "decode.ensemble.0: string should match pattern" in refusal(ensemble=[name])
    decode_settings(ensemble=["seed-2", "seed_3.1"])


def test_an_ensemble_names_a_folder_once() -> None:
    assert "ensemble names b twice" in refusal(ensemble=["b", "a", "b"])
