"""The decode stage with several processes: the bytes of one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_processes import TRAINING
from tiny_project import write_params

COMMAND = [sys.executable, "-m", "pipeline.decode"]
TORCHRUN = [
    sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
    "--rdzv-endpoint=127.0.0.1:0", "-m", "pipeline.decode",
]  # fmt: skip
LIMIT = 240


@pytest.fixture(scope="module")
def trained(short_training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model that has hardly learnt anything: its hypotheses are many."""
    folder = tmp_path_factory.mktemp("decoding")
    apart = shutil.ignore_patterns("made.pickle", ".cache")
    shutil.copytree(short_training, folder, ignore=apart, symlinks=True, dirs_exist_ok=True)
    set_decoding(folder)
    run(folder, [sys.executable, "-m", "pipeline.train"])
    return folder


def set_decoding(project: Path, **decode: Any) -> None:
    changes = {
        "download": {"corpus": "reversed"},
        "tokenize": {"model_type": "char", "vocabulary_size": 64},
        "train": TRAINING | {"max_steps": 20, "threads": 1},
        # As many threads for each process, since products round differently with another number.
        "decode": {"threads": 1, "batch_tokens": 300, "attention_maps": 7, "nbest": 2} | decode,
    }
    (project / "params.yaml").unlink()
    write_params(project, "phrasebook-en-de", changes)


def run(project: Path, command: list[str], status: int = 0) -> str:
    """What it says."""
    ended = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=LIMIT,
        env=os.environ | {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.returncode == status, ended.stderr
    return ended.stderr


def decoded(project: Path, command: list[str] = COMMAND, **settings: Any) -> tuple[str, Any]:
    """What the stage says, and all that it writes."""
    set_decoding(project, **settings)
    shutil.rmtree(project / "results/decode", ignore_errors=True)
    said = run(project, command)
    files = sorted(path for path in (project / "results/decode").rglob("*") if path.is_file())
    assert len(files) == 8
    return said, [(path.name, path.read_bytes()) for path in files]


@pytest.mark.promise("deterministic")
@pytest.mark.parametrize(
    ("count", "command", "settings"),
    [
        (2, COMMAND, {}),
        pytest.param(3, COMMAND, {"search": "sampling", "mbr": "chrf", "mbr_candidates": 4},
                     marks=pytest.mark.long),
        pytest.param(4, COMMAND, {"beam_size": 1, "nbest": 1}, marks=pytest.mark.long),
        pytest.param(2, TORCHRUN, {}, marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_several_processes_write_the_bytes_of_one(
    trained: Path, count: int, command: list[str], settings: dict[str, Any]
) -> None:
    _, alone = decoded(trained, **settings)
    said, together = decoded(trained, command, processes=count, **settings | {"threads": count})
    assert f"shared by {count} processes" in said
    assert said.count("results in results/decode") == 1
    assert together == alone


def test_a_process_with_another_model_is_refused(trained: Path, tmp_path: Path) -> None:
    """The second runs in a copy, whose model is not the first one's to the byte."""
    set_decoding(trained, processes=2, threads=2)
    script = tmp_path / "launch.py"
    script.write_text(
        "import os, runpy, shutil, sys\n"
        "if os.environ['RANK'] == '1':\n"
        f"    shutil.copytree({str(trained)!r}, {str(tmp_path / 'other')!r}, symlinks=True)\n"
        f"    os.chdir({str(tmp_path / 'other')!r})\n"
        "    with open('models/trained/config.json', 'a') as file:\n"
        "        file.write(' ')\n"
        "sys.path[:0] = [os.getcwd(), os.path.abspath('src')]\n"
        "runpy.run_module('pipeline.decode', run_name='__main__', alter_sys=True)\n"
    )
    command = [*TORCHRUN[:-2], str(script)]
    said = run(trained, command, status=1)
    assert "process 1 has another model, other settings, code or texts than process 0" in said
