"""Hostile bytes, from a seed: whatever an editor, a spreadsheet or an enemy leaves in a file."""

import random
from collections.abc import Callable

BOM = b"\xef\xbb\xbf"
HALF = b"\xed\xa0\x80"  # half a character, as some programs write it
LONG = 1 << 20

# Text that is sound, however odd.
ODD_TEXTS = [
    "", " ", "a", "the house", "d\u00e9j\u00e0 vu", "\u4f60\u597d", "\U0001f600", "\u0301",
    "\u202eright to left\u200f", "line\u2028separator\u2029", "\x85next", "nul\0nul", "\x1c",
    "form\x0cfeed\x0b", "\ufeffmark", "a\rb", "#", '"quoted, twice"', "\\", "{}", "[1]", "null",
    "IN", "\u00a0",
]  # fmt: skip

# What is put in somewhere; not all of it is UTF-8.
_PIECES = [
    BOM, b"\0", b"\r", b"\r\n", b"\n", b"\n\n", b"\t", b"\t\t", b" ", b"#", b'"', b"\\", b"\\ud800",
    b"{", b"}", b"[", b"]", b",", b":", b"IN:", b"OUT:", b"NaN", b"1e999", b"null", b"true",
    b"\xff", b"\xfe\xff", b"\xc3", b"\xc0\x80", b"\xe2\x28\xa1", b"\xf8\x88\x80\x80\x80", HALF,
    "\u2028".encode(), "\u202e".encode(), "\u200f".encode(), "\x85".encode(), b"'", b"&a ", b"*a ",
    b"!!x ",
]  # fmt: skip

Mutation = Callable[[random.Random, bytes], bytes]


def odd_text(draw: random.Random) -> str:
    """A few odd texts in a row."""
    return "".join(draw.choices(ODD_TEXTS, k=draw.randint(1, 3)))


def _somewhere(draw: random.Random, content: bytes) -> int:
    return draw.randint(0, len(content))


def put_in(draw: random.Random, content: bytes) -> bytes:
    place = _somewhere(draw, content)
    return content[:place] + draw.choice(_PIECES) + content[place:]


def flip_bits(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 3])):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def take_out(draw: random.Random, content: bytes) -> bytes:
    place = _somewhere(draw, content)
    return content[:place] + content[place + draw.randint(1, 20) :]


def cut_short(draw: random.Random, content: bytes) -> bytes:
    return content[: _somewhere(draw, content)]


def repeat_a_part(draw: random.Random, content: bytes) -> bytes:
    start, end = sorted((_somewhere(draw, content), _somewhere(draw, content)))
    return content[:end] + content[start:end] + content[end:]


def random_bytes(draw: random.Random, content: bytes) -> bytes:
    return draw.randbytes(draw.choice([0, 1, 3, 20, 200]))


def windows_line_ends(draw: random.Random, content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def byte_order_mark(draw: random.Random, content: bytes) -> bytes:
    return BOM + content


def utf_16(draw: random.Random, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode("utf-16")


def one_long_line(draw: random.Random, content: bytes) -> bytes:
    place = _somewhere(draw, content)
    return content[:place] + draw.choice([b"x", b"\xc3\xa4", b"[", b"\t"]) * LONG + content[place:]


MUTATIONS: dict[str, Mutation] = {
    "odd pieces put in": put_in,
    "bits flipped": flip_bits,
    "bytes taken out": take_out,
    "cut short": cut_short,
    "a part repeated": repeat_a_part,
    "random bytes": random_bytes,
    "CRLF": windows_line_ends,
    "byte order mark": byte_order_mark,
    "UTF-16": utf_16,
}


def mutate(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    """The kind of mutation, and the mutated content."""
    kind = draw.choice(list(MUTATIONS))
    for _ in range(draw.choice([1, 1, 2])):
        content = MUTATIONS[kind](draw, content)
    return kind, content
