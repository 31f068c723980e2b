"""params.yaml and what else is YAML: the values that stand there, or each fault with its place."""

import random
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml
from generators import mutate, odd_text, one_long_line
from outcomes import Refused, Tally

from attn2seq.config import MAX_YAML_BYTES, read_yaml
from attn2seq.workspace.check_params import SECTIONS, check_params

pytestmark = pytest.mark.promise("fuzz")

PROJECT = Path(__file__).parents[2]
CATALOGUE = PROJECT / "data/catalogue"
LINES_OF_YAML = [
    "first: 1", "section:", "  text: some words", "  rate: 0.5", "  list: [1, 2]",
    "  quoted: 'it''s'", "  none: null", "last: true",
]  # fmt: skip
DAMAGES, EACH, CHECKS = 1200, 55, 700

# What is put in as a line of its own at the top level, and the fault that it is.
YAML_FAULTS: dict[str, list[str]] = {
    "yaml: anchor or alias": ["a: &b 1", "a: *b", "a: [&b 1]", "&b a: 1"],
    "yaml: merged keys": ["<<: {a: 1}", "<<: [{a: 1}, {b: 2}]"],
    "yaml: tag": ["a: !!python/object/apply:os.mkdir [x]", "a: !!str 1", "a: !x y", "!!str a: 1"],
    "yaml: too deep": ["a: " + "[" * 60 + "]" * 60, "a: " + "{a: " * 60 + "1" + "}" * 60],
    "yaml: key no text": ["1: a", "null: a", "true: a", "[a]: b", "1.5: a", "{a: 1}: b"],
    "yaml: date": ["a: 2026-11-21", "a: 2026-11-21 10:00:00"],
    "yaml: long number": ["a: " + "9" * 400, "a: -" + "1" * 5000],
    "yaml: half a character": [r'a: "\ud800"', r'a: "\udfffx"', r'"\ud912": 1'],
    "yaml: escape of nothing": [r'a: "\U00110000"', r'a: "\Uffffffff"'],
    "yaml: key twice": ["first: 2", "last: {a: 1}", "'section': 1"],
    "yaml: forbidden character": ["a: \x07", "a: '\x1b[2J'", "a: b\x00c", "\x01: 1"],
    "yaml: syntax": ["a: b: c", "a: [1, 2", "a: 'b", "\ta: 1", "a", "a: ]", "- a", "a: @b", "%"],
}


def read(path: Path) -> dict[str, Any]:
    return read_yaml(path)


def test_damaged_yaml(tally: Tally, tmp_path: Path) -> None:
    """What is read is what DVC reads, which decides whether a stage is out of date."""
    path = tmp_path / "params.yaml"
    sound = "".join(f"{line}\n" for line in LINES_OF_YAML)
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(seed)
        text = sound.replace("some words", odd_text(draw)) if seed % 2 else sound
        kind, content = mutate(draw, text.encode())
        path.write_bytes(content)
        got = tally.meet("params", kind, lambda: read(path))
        if isinstance(got, Refused):
            assert got.message.startswith(str(path))
        else:
            assert repr(got) == repr(parse_yaml(content.decode(), str(path)))


@pytest.mark.parametrize("kind", YAML_FAULTS)
def test_a_fault_is_told_at_its_line(tally: Tally, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "params.yaml"
    for seed in tally.seeds(EACH):
        draw = random.Random(f"{kind} {seed}")
        lines = LINES_OF_YAML[:]
        # Between keys of the top level; a key that occurs twice, after both.
        place = len(lines) if kind == "yaml: key twice" else draw.choice([0, 1, 7, 8])
        lines[place:place] = ["", draw.choice(YAML_FAULTS[kind])]
        end = draw.choice(["\n", "\r\n"])
        path.write_bytes("".join(line + end for line in lines).encode())
        got = tally.meet("params", "faults of YAML", lambda: read(path))
        assert isinstance(got, Refused), lines[place + 1]
        assert got.kinds == [kind], got.message
        # An open quote or bracket is a fault where the text ends.
        told = int(got.message.partition(", line ")[2].partition(":")[0])
        assert told == place + 2 or (kind == "yaml: syntax" and told > place + 2), got.message


def test_files_that_hold_no_settings(tally: Tally, tmp_path: Path) -> None:
    for seed in tally.seeds(EACH):
        draw = random.Random(seed)
        for given, kind, content in (
            ("no mapping", "yaml: no mapping", draw.choice([b"", b"[a]", b"a", b"1", b"# a\n"])),
            ("too large", "yaml: too large", b"a: 1\n" + b"#" * MAX_YAML_BYTES),
            ("1 MB lines", "yaml: too large", one_long_line(draw, b"a: 1\n")),
            (
                "not UTF-8",
                "yaml: not UTF-8",
                b"a: 1\nb: " + draw.choice([b"\xff", b"\xc3 ", b"\xed\xa0\x80"]),
            ),
        ):
            path = tmp_path / "a.yaml"
            path.write_bytes(content)
            got = tally.meet("params", given, partial(read, path))
            assert isinstance(got, Refused)
            assert got.kinds == [kind]
        (tmp_path / "folder.yaml").mkdir(exist_ok=True)
        for name, kind in (("folder", "yaml: cannot be read"), ("none", "yaml: missing")):
            path = tmp_path / f"{name}.yaml"
            got = tally.meet("params", "no such file", partial(read, path))
            assert isinstance(got, Refused)
            assert got.kinds == [kind]


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    return read_yaml(PROJECT / "params.yaml")


Values = dict[str, Any]
# What no key takes, and what none takes that holds a number or a switch.
WRONG: list[Any] = [{"a": 1}, [[]], b"x", {}]
NO_NUMBER: list[Any] = ["\u202e\u2028", "1", ["x"], None, float("nan"), -(10**400)]


def no_section(draw: random.Random, values: Values, section: str) -> str:
    values[section] = draw.choice([None, 1, "text", [], True])
    return f"  {section}: must be a section with keys, but is "


def section_missing(draw: random.Random, values: Values, section: str) -> str:
    del values[section]
    return f"  {section}: the section is missing"


def unknown_section(draw: random.Random, values: Values, section: str) -> str:
    name = section + draw.choice(["s", "x", "_", "1"])
    values[name] = draw.choice([values[section], None, 1])
    return f"  {name}: unknown section ("


def unknown_key(draw: random.Random, values: Values, section: str) -> str:
    key = draw.choice(list(values[section])) + draw.choice(["s", "_", "2"])
    values[section][key] = 1
    return f"  {section}.{key}: unknown key ("


def key_missing(draw: random.Random, values: Values, section: str) -> str:
    key = draw.choice(list(values[section]))
    del values[section][key]
    return f"  {section}.{key}: missing"


def wrong_value(draw: random.Random, values: Values, section: str) -> str:
    key = draw.choice([key for key in values[section] if key != "corpus"])
    number = isinstance(values[section][key], int | float)
    values[section][key] = draw.choice([*WRONG, *NO_NUMBER] if number else WRONG)
    return f"  {section}.{key}"


FAULTS: list[Callable[[random.Random, Values, str], str]] = [
    no_section, section_missing, unknown_section, unknown_key, key_missing, wrong_value,
    wrong_value, wrong_value,
]  # fmt: skip


def test_every_fault_of_params_is_told_at_once(tally: Tally, sound: Values) -> None:
    check_params(sound, CATALOGUE)
    for seed in tally.seeds(CHECKS):
        draw = random.Random(seed)
        values = deepcopy(sound)
        sections = draw.sample(list(SECTIONS), draw.randint(1, 4))
        wanted = sorted(draw.choice(FAULTS)(draw, values, section) for section in sections)
        got = tally.meet("params", "faults of params", partial(check_params, values, CATALOGUE))
        assert isinstance(got, Refused)
        heading, *told = got.message.split("\n")
        assert heading.startswith(f"params.yaml has {len(wanted)} error"), got.message
        for line, start in zip(sorted(told), wanted, strict=True):
            assert line.startswith(start), got.message


def test_values_that_do_not_go_together(tally: Tally, sound: Values) -> None:
    for seed in tally.seeds(EACH):
        draw = random.Random(seed)
        values = deepcopy(sound)
        values["model"]["tie_embeddings"] = "all"
        values["tokenize"]["joint_vocabulary"] = False
        values["train"]["seed"] = draw.randint(0, 99)
        values["download"]["corpus"] = draw.choice(
            ["mine", "../x", "", "scan\0", "\u202e", "a" * 300]
        )
        got = tally.meet("params", "faults of params", partial(check_params, values, CATALOGUE))
        assert isinstance(got, Refused)
        assert "tokenize.joint_vocabulary" in got.message
        assert "  download.corpus: " in got.message
