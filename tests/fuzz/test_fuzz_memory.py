"""No file takes more memory than is promised, however much it unpacks to.

What fills a line without end is given up after MAX_LINE_BYTES, 16 MiB, so that a bomb takes some
64 MiB. A line just short of that is text, and takes up to forty times its bytes where it is JSON of
nothing but brackets.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from bombs import bombs, worst_lines, yaml_of_aliases
from corpus_files import READERS
from outcomes import Tally

BOMB_MIB, LINE_MIB = 192, 1024
HERE = Path(__file__).parent

# A fresh process has taken nothing yet; it prints what it has taken at most, in MiB, and the error.
SCRIPT = """
import sys
from pathlib import Path
from attn2seq.config import read_yaml
from attn2seq.corpus.lines import read_lines
from attn2seq.corpus.readers import read_rows
from attn2seq.errors import UserError
from corpus_files import READERS, entry

def taken():
    # The most since this program began; what getrusage tells has the parent's memory in it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10

folder, name, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
source = entry(**READERS[kind]) if kind else None
before = taken()
try:
    if name.endswith(".yaml"):
        read_yaml(folder / name)
    elif source:
        sum(1 for row in read_rows(folder, source, "train"))
    else:
        sum(1 for line in read_lines(folder, name))
    error = ""
except UserError as raised:
    error = str(raised)
print(taken() - before, error, sep="\\n")
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is told elsewhere")


def read_apart(folder: Path, name: str, kind: str = "") -> tuple[int, str]:
    """MiB taken, and the error's message."""
    command = [sys.executable, "-c", SCRIPT, str(folder), name, kind]
    paths = [str(HERE), str(HERE.parents[1] / "src")]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(paths)}
    )
    mib, _, error = result.stdout.removesuffix("\n").partition("\n")
    return int(mib), error


def test_bombs_take_little_memory(tally: Tally, tmp_path: Path) -> None:
    most = {}
    for name, content in bombs():
        (tmp_path / name).write_bytes(content)
        member = "" if name == "zeros.gz" else "/a"
        most[name], error = read_apart(tmp_path, name + member)
        assert tally.count("memory", "bombs", error).kinds[0] in (
            "lines: line too long", "archive: endless directory", "archive: no such member",
        )  # fmt: skip
        (tmp_path / name).unlink()
    print(most)
    assert {name: mib for name, mib in most.items() if mib > BOMB_MIB} == {}


def test_the_worst_of_lines_take_a_bounded_memory(tally: Tally, tmp_path: Path) -> None:
    assert [kind for kind, _ in worst_lines()] == list(READERS)
    most = {}
    for kind, content in worst_lines():
        (tmp_path / "mine.tsv").write_bytes(content)
        most[kind], error = read_apart(tmp_path, "mine.tsv", kind)
        tally.count("memory", "lines of 16 MiB", error)
    print(most)
    assert {kind: mib for kind, mib in most.items() if mib > LINE_MIB} == {}


def test_aliases_take_no_memory(tally: Tally, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml_of_aliases())
    mib, error = read_apart(tmp_path, "a.yaml")
    assert tally.count("memory", "bombs", error).kinds == ["yaml: anchor or alias"]
    assert mib <= BOMB_MIB
