"""The notebooks run from the first cell to the last, and quote the code as it is."""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "docs/notebooks"
# What takes the place of the values in the cell tagged "parameters", so that all takes seconds.
SMALLEST = {"TRAIN_PAIRS": 60, "VOCABULARY": 300}
SMALL = {
    "attention": {"TEST_PAIRS": 10, "STEPS": 2, "SENTENCE": "We sing."},
    "compare_runs": {"TEST_PAIRS": 10, "STEPS": 50},
    "train_in_python": {"TUNING_PAIRS": 10, "STEPS": 20},
}
QUOTED = re.compile(r"From `([\w/.]+)`.*?```python\n(.*?)```", re.DOTALL)


def opened(name: str) -> NotebookNode:
    notebook: NotebookNode = jupytext.read(NOTEBOOKS / f"{name}.py")
    nbformat.validate(notebook)
    return notebook


def made_small(notebook: NotebookNode, values: dict[str, object]) -> None:
    """Add a cell after the parameters that overrides them."""
    [place] = [
        place
        for place, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", ())
    ]
    known = re.findall(r"^(\w+) = ", notebook.cells[place].source, re.MULTILINE)
    assert set(values) <= set(known)
    lines = [f"{name} = {value!r}" for name, value in (SMALLEST | values).items()]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines)))


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel keeps for itself goes into a folder of the test."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


def test_each_notebook_is_tested_here() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == set(SMALL)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_runs(name: str) -> None:
    notebook = opened(name)
    made_small(notebook, SMALL[name])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": NOTEBOOKS}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    said = "".join(output.text for output in outputs if output.get("name") == "stderr")
    # So few pairs lack some characters of the sentences that are translated.
    assert all("read as unknown" in line or "further" in line for line in said.splitlines())


@pytest.mark.parametrize("name", SMALL)
def test_quoted_lines_are_those_of_the_code(name: str) -> None:
    texts = [cell.source for cell in opened(name).cells if cell.cell_type == "markdown"]
    for path, lines in QUOTED.findall("\n".join(texts)):
        code = {line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()}
        assert {line.strip() for line in lines.splitlines()} <= code, path
