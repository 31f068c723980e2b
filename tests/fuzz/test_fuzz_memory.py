"""No file takes more memory than is promised, however much it unpacks to.

What fills a line without end is given up after MAX_LINE_BYTES, 16 MiB, so that a bomb takes some
64 MiB. A line just short of that is text, and takes up to forty times its bytes where it is JSON of
nothing but brackets.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bombs import bombs, worst_lines, yaml_of_aliases
from corpus_files import READERS
from outcomes import Tally

BOMB_MIB, LINE_MIB = 192, 1024
# Unpacked by the same code as zeros.tar.gz, in five seconds each: only where all cases are tried.
LIKE_ANOTHER = ("zeros.tar.bz2", "zeros.tar.xz")
HERE = Path(__file__).parent

# A process of its own; for each file it prints what was taken at most, in MiB, and the error.
SCRIPT = """
import json, sys
from pathlib import Path
from attn2seq.config import read_yaml
from attn2seq.reading.lines import read_lines
from attn2seq.reading.readers import read_rows
from attn2seq.errors import UserError
from corpus_files import READERS, entry

def taken():
    # The most since the last reset; what getrusage tells has the parent's memory in it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10

def read(folder, name, kind):
    if name.endswith(".yaml"):
        read_yaml(folder / name)
    elif kind:
        sum(1 for row in read_rows(folder, entry(**READERS[kind]), "train"))
    else:
        sum(1 for line in read_lines(folder, name))

before = taken()
for line in sys.stdin:
    Path("/proc/self/clear_refs").write_text("5")
    name, kind = json.loads(line)
    error = ""
    try:
        read(Path(sys.argv[1]), name, kind)
    except UserError as raised:
        error = str(raised)
    print(json.dumps([taken() - before, error]), flush=True)
"""
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is told elsewhere"),
    pytest.mark.promise("bounds"),
]


class Reader:
    """A process that reads files and tells what memory each took."""

    def __init__(self, folder: Path) -> None:
        paths = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder)], env={"PYTHONPATH": ":".join(paths)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def read(self, name: str, kind: str = "") -> tuple[int, str]:
        """MiB taken, and the error's message."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, kind]) + "\n")
        self.process.stdin.flush()
        mib, error = json.loads(self.process.stdout.readline())
        return int(mib), str(error)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.process.communicate()


def test_bombs_take_little_memory(
    tally: Tally, tmp_path: Path, reader: Reader, record_property: Callable[[str, object], None]
) -> None:
    most = {}
    for name, content in bombs():
        if name in LIKE_ANOTHER and tally.share < 1:
            continue
        (tmp_path / name).write_bytes(content)
        member = "" if name == "zeros.gz" else "/a"
        most[name], error = reader.read(name + member)
        assert tally.count("memory", "bombs", error).kinds[0] in (
            "lines: line too long", "archive: endless directory", "archive: no such member",
        )  # fmt: skip
        (tmp_path / name).unlink()
    record_property("cases", len(most))
    record_property("MiB at most", max(most.values()))
    assert {name: mib for name, mib in most.items() if mib > BOMB_MIB} == {}


def test_the_worst_of_lines_take_a_bounded_memory(
    tally: Tally, tmp_path: Path, reader: Reader, record_property: Callable[[str, object], None]
) -> None:
    assert [kind for kind, _ in worst_lines()] == list(READERS)
    most = {}
    for kind, content in worst_lines():
        (tmp_path / "mine.tsv").write_bytes(content)
        most[kind], error = reader.read("mine.tsv", kind)
        tally.count("memory", "lines of 16 MiB", error)
    record_property("cases", len(most))
    record_property("MiB at most", max(most.values()))
    assert {kind: mib for kind, mib in most.items() if mib > LINE_MIB} == {}


def test_aliases_take_no_memory(tally: Tally, tmp_path: Path, reader: Reader) -> None:
    (tmp_path / "a.yaml").write_text(yaml_of_aliases())
    mib, error = reader.read("a.yaml")
    assert tally.count("memory", "bombs", error).kinds == ["yaml: anchor or alias"]
    assert mib <= BOMB_MIB
