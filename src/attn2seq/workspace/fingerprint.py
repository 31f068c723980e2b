"""What a result is made of, and what came out, boiled down to names.

A training has a name before it begins, from its inputs alone: params, code, data and machine. A run
is named by its inputs and its outputs, since the same inputs give other bytes on another kind of
processor. The files' digests are DVC's own, so that the same names follow from a workspace and from
the dvc.lock of a commit.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.workspace.code_digests import (
    is_generated,
    is_left_behind,
    stage_digests,
    stages_of,
)
from attn2seq.workspace.paths import NOTES, PARAMS, RAW, SCORES

RUN_STAGES = ("download", "prepare", "tokenize", "train", "decode", "evaluate")
# Deps that are code: the notes of the stage `code`, and what its own notes are made from. In the
# dvc.lock of an old commit the second stands for all stages.
CODE_ROOTS = (f"{NOTES}/", "src/", "pipeline/")


# path -> md5
Outs = dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """What a run's scores follow from."""

    params: dict[str, Any]  # section -> its values
    code: dict[str, str]  # path, as the deps in dvc.yaml name it -> md5
    raw_md5: str  # of data/raw


def inputs_of_workspace(root: Path, params: Mapping[str, Any] | None = None) -> Inputs:
    """The inputs as they stand in the files under `root`; params as given, else as they stand."""
    stages = stages_of(root)
    params = read_yaml(root / PARAMS) if params is None else params
    sections = sorted({name for stage in RUN_STAGES for name in stages[stage].get("params", [])})
    paths = sorted({path for stage in RUN_STAGES for path in code_deps(stages[stage])})
    return Inputs(
        params={name: params.get(name) for name in sections},
        code={path: md5_of(root / path) for path in paths},
        raw_md5=md5_of(root / RAW),
    )


def inputs_of_lock(lock: Mapping[str, Any]) -> Inputs:
    """The inputs that a parsed dvc.lock records. Raises KeyError where a stage is missing."""
    stages = [lock["stages"][name] for name in RUN_STAGES]
    params: dict[str, Any] = {}
    code: dict[str, str] = {}
    for stage in stages:
        params |= stage.get("params", {}).get(str(PARAMS), {})
        code |= {
            dep["path"]: dep["md5"] for dep in stage["deps"] if dep["path"].startswith(CODE_ROOTS)
        }
    raw = [out["md5"] for out in lock["stages"]["download"]["outs"] if out["path"] == str(RAW)]
    return Inputs(dict(sorted(params.items())), dict(sorted(code.items())), raw[0])


def outs_of_workspace(root: Path, stage: str) -> Outs:
    """Those of the stage that are there, as they stand in the files under `root`."""
    paths = _named_outs(stages_of(root)[stage])
    return {path: md5_of(root / path) for path in sorted(paths) if (root / path).exists()}


def outs_of_lock(lock: Mapping[str, Any], stage: str) -> Outs:
    """Those of the stage that a parsed dvc.lock records; none where it has no such stage."""
    outs = lock["stages"].get(stage, {}).get("outs", [])
    return {out["path"]: out["md5"] for out in sorted(outs, key=lambda out: str(out["path"]))}


def inputs_fingerprint(inputs: Inputs) -> str:
    """The name of what a run is made of."""
    return digest(asdict(inputs))


def run_fingerprint(inputs: Inputs, outs: Mapping[str, Outs]) -> str:
    """The name of a run, from its inputs and the outs of its stages: equal name, equal result.

    What counts is the model, its curve, the texts and the scores. The other files of evaluate
    follow from these, and their bytes also from the versions of packages.
    """
    scores = {path: md5 for path, md5 in outs["evaluate"].items() if path == str(SCORES)}
    came_out = {"train": outs["train"], "decode": outs["decode"], "evaluate": scores}
    return digest({"inputs": asdict(inputs), "outs": came_out})


def train_fingerprint(root: Path, inputs: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """The name of a training: its params, code and data, and what of the machine counts.

    `inputs` are the stage's as it began, whatever has been edited since. `machine` holds the
    resolved device, number type, thread count and torch version: bytes repeat only where these
    are the same. The number of processes is left to the caller, who can then find a training that
    differs in it alone.
    """
    params = {**inputs["params"]}
    params["train"] = {k: v for k, v in params["train"].items() if k != "processes"}
    stage = stages_of(root)["train"]
    data = [path for path in stage["deps"] if not path.startswith(CODE_ROOTS)]
    return digest(
        {
            "inputs": dict(inputs) | {"params": params},
            "data": {path: md5_of(root / path) for path in data},
            "machine": dict(machine),
        }
    )


def stage_inputs(root: Path, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Of all params those of one stage, and the digests of its code as it stands now."""
    stage = stages_of(root)[name]
    sections = stage.get("params", [])
    if not all(isinstance(section, str) for section in sections):
        sections = list(params)  # the entry `params.yaml:` stands for the whole file
    return {
        "params": {section: params.get(section) for section in sections},
        "code": stage_digests(root, name, is_generated(root, params)),
    }


def _named_outs(stage: Mapping[str, Any]) -> Iterator[str]:
    """Paths of outs, metrics and plots, which dvc.yaml writes with or without options."""
    for kind in ("outs", "metrics", "plots"):
        for item in stage.get(kind, []):
            yield from item if isinstance(item, Mapping) else (item,)


def code_deps(stage: Mapping[str, Any]) -> list[str]:
    """The deps of a stage that are code."""
    return [path for path in stage["deps"] if path.startswith(CODE_ROOTS)]


def md5_of(path: Path) -> str:
    """The md5 that DVC gives a file, or a folder: there, of the list of its files' md5s.

    Raises UserError where there is neither.
    """
    if not path.exists():
        raise UserError(f"{path} is missing, and dvc.yaml names it as a dependency")
    if not path.is_dir():
        return _file_md5(path)
    entries = [
        {"md5": _file_md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in _files(path)
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits for a value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.iterdir():
        if is_left_behind(path.name):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _file_md5(path: Path) -> str:
    with path.open("rb") as file:
        # Not for security: it is the name that DVC's cache has for the file.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
