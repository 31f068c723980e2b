from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from attn2seq.config import ConfigError, Settings, nearest, read_yaml, validate


class Search(Settings):
    beam_size: int = Field(gt=0)
    kind: Literal["wu", "none"]
    alpha: float


class Output(Settings):
    folder: str


GOOD = {"search": {"beam_size": 4, "kind": "wu", "alpha": 1}, "output": {"folder": "x"}}


def faults(values: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate({"search": Search, "output": Output}, values, "params.yaml")
    return str(caught.value).splitlines()


def test_sound_values_become_records() -> None:
    records = validate({"search": Search, "output": Output}, GOOD, "params.yaml")
    assert records["search"] == Search(beam_size=4, kind="wu", alpha=1.0)


def test_all_faults_of_all_sections_at_once() -> None:
    lines = faults(
        {"search": {"beem_size": 4, "kind": "bahdanau", "alpha": "high"}, "output": {"folder": 3}}
    )
    assert lines[0] == "params.yaml has 5 faults:"
    text = "\n".join(lines)
    assert "search.beem_size: unknown key (did you mean search.beam_size?)" in text
    assert "search.beam_size: missing" in text
    assert "search.kind: input should be 'wu' or 'none', got 'bahdanau'" in text
    assert "search.alpha: input should be a valid number, got 'high'" in text
    assert "output.folder: input should be a valid string, got 3" in text


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (None, "  output: the section must hold keys, but has None"),
        ([1], "  output: the section must hold keys, but has [1]"),
    ],
)
def test_a_section_that_is_none(section: object, line: str) -> None:
    assert faults({**GOOD, "output": section}) == ["params.yaml has 1 fault:", line]


def test_a_missing_section() -> None:
    assert faults({"search": GOOD["search"]})[1] == "  output: the section is missing"


def test_out_of_range_and_silent_conversions_are_refused() -> None:
    search = GOOD["search"]
    for value in (0, True, "4", 4.0):
        assert "search.beam_size" in faults({**GOOD, "search": {**search, "beam_size": value}})[1]


def test_nearest() -> None:
    assert nearest("beem_size", ["beam_size", "nbest"]) == "beam_size"
    assert nearest("zzz", ["beam_size", "nbest"]) is None


def test_yaml_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("rate: 1e-3\nlanguage: no\n")
    assert read_yaml(path) == {"rate": 0.001, "language": "no"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        (b"a: [1", "line 1: "),
        (b"a: \xff", "not UTF-8 text"),
        (b"- a", "must hold a mapping"),
        (b"", "must hold a mapping"),
        (b"a: 1\na: 2", "line 2: "),
    ],
)
def test_unreadable_yaml_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)
