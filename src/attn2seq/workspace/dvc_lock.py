"""dvc.lock as DVC writes it: whatever else a file of that name holds is refused in plain words.

Only its shape is looked at here: `stages`, each with lists of `deps` and `outs` that have a path
and an md5, and with `params` by file and section.
"""

from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attn2seq.errors import UserError

REMEDY = (
    "`git checkout HEAD -- dvc.lock` brings back the one of the last commit, or delete it, and "
    "`make repro` writes another"
)


def parsed_lock(text: str) -> dict[str, Any]:
    """The lock in this text. Raises UserError, whose message begins with `dvc.lock`."""
    try:
        lock = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise UserError(f"dvc.lock is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(lock, dict) or not isinstance(lock.get("stages"), dict):
        raise UserError("dvc.lock lists no stages, as DVC writes them")
    for name, stage in lock["stages"].items():
        if fault := _fault(stage):
            raise UserError(f"dvc.lock is damaged: the stage {name} {fault}")
    return lock


def _fault(stage: Any) -> str | None:
    if not isinstance(stage, Mapping):
        return "has no keys"
    for kind in ("deps", "outs"):
        items = stage.get(kind, [])
        if not isinstance(items, list):
            return f"has {kind} that are no list"
        for item in items:
            if not isinstance(item, Mapping) or not isinstance(item.get("path"), str):
                return f"has {kind} without a path"
            if not isinstance(item.get("md5"), str):
                return f"has no md5 of {item['path']}"
    files = stage.get("params", {})
    if not isinstance(files, Mapping) or not all(
        isinstance(sections, Mapping) for sections in files.values()
    ):
        return "has params that are no sections"
    return None
