from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from attn2seq.config import (
    MAX_YAML_BYTES,
    ConfigError,
    Settings,
    flat_params,
    nearest,
    plain,
    read_yaml,
    shown,
    some,
    validate,
)


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
    assert lines[0] == "params.yaml has 5 errors:"
    text = "\n".join(lines)
    assert "search.beem_size: unknown key (did you mean search.beam_size?)" in text
    assert "search.beam_size: missing" in text
    assert "search.kind: input should be 'wu' or 'none', got 'bahdanau'" in text
    assert "search.alpha: input should be a valid number, got 'high'" in text
    assert "output.folder: input should be a valid string, got 3" in text


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (None, "  output: must be a section with keys, but is None"),
        ([1], "  output: must be a section with keys, but is [1]"),
    ],
)
def test_a_section_that_is_none(section: object, line: str) -> None:
    assert faults({**GOOD, "output": section}) == ["params.yaml has 1 error:", line]


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
        (b"a: 1\nb: \xff", r"line 2: not UTF-8 text \(byte 0xff\); save the file as UTF-8"),
        (b"a: 1\nb: \x00", "line 2: the character 0x0000 is not allowed in YAML"),
        (b'a: 1\nb: "\\UFFFFFFFF"', r"line 2: not YAML \(Python int too large"),
        (b"a: " + b"x" * MAX_YAML_BYTES, "larger than 262,144 bytes; it must hold settings"),
    ],
)
def test_unreadable_yaml_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("b: &one {c: 1}", "write the value out in each place, without &one"),
        ("b: *one", r"write the value out in each place, without \*one"),
        ("<<: {c: 1}", "write the keys out instead of merging them with <<"),
        ("b: !!python/object/apply:os.mkdir [x]", "leave the tag tag:yaml.org,2002:python/object"),
        ("b: !!int abc", "leave the tag tag:yaml.org,2002:int out"),
        ("b: 2024-13-45", "'2024-13-45' is a timestamp in YAML; put it in quotes"),
        ("1: b", "the key '1' is not text in YAML; put it in quotes"),
        ("? [b, c]\n: d", "a key must be text"),
        ("b: " + "9" * 5000, "a number of 5,000 digits"),
        ("b: 0x" + "f" * 5000, "a number of 5,002 digits"),
        (r'b: "\ud800"', r"an escape from \\ud800 to \\udfff that is not half of a pair"),
        ("b: " + "[" * 60 + "]" * 60, "nested more than 50 levels deep"),
        ("b: " + "[" * 5000, "nested more than 50 levels deep"),
    ],
)
def test_yaml_that_is_not_plain_is_refused_at_its_line(
    tmp_path: Path, line: str, fault: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"a: 1\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"params\.yaml, line 2: {fault}"):
        read_yaml(path)


def test_a_few_bytes_of_yaml_cannot_become_many_keys(tmp_path: Path) -> None:
    """Each level names the one before twice: 2**60 values, were aliases followed."""
    levels = (f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60))
    (tmp_path / "params.yaml").write_text("a0: &a0 {x: 1}\n" + "".join(levels))
    with pytest.raises(ConfigError, match="line 1: write the value out"):
        read_yaml(tmp_path / "params.yaml")


def test_a_folder_where_settings_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_a_long_value_is_cut_in_a_message() -> None:
    assert shown("x" * 200) == "'" + "x" * 79 + "..."
    text = faults({**GOOD, "output": {"folder": ["x"] * 10_000}})[1]
    assert len(text) < 200


def test_a_name_cannot_move_the_text_of_a_message() -> None:
    assert plain("häuser 房子") == "häuser 房子"
    assert plain("a\u202eb\n\x1b[2J") == r"a\u202eb\n\x1b[2J"
    section = {**GOOD, "output": {"folder": "x", "y\nz": 1}}
    assert faults(section)[1:] == [r"  output.y\nz: unknown key (known: folder)"]
    assert some(["a\u2028", "b"]) == r"a\u2028, b"


def test_a_long_list_of_names_is_cut_in_a_message() -> None:
    assert some([]) == "nothing"
    assert some(str(n) for n in range(10)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert some(str(n) for n in range(11)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."


def test_params_are_flat_and_written_as_in_params_yaml() -> None:
    nested = {"train": {"schedule": {"warmup": 4000}, "tied": True, "name": "a", "none": None}}
    assert flat_params(nested) == {
        "train.schedule.warmup": "4000",
        "train.tied": "true",
        "train.name": "a",
        "train.none": "null",
    }
