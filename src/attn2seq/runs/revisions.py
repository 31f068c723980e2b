"""What a user calls a state of the repository: a commit, tag or branch, or a DVC experiment.

find_state(root, "HEAD~2"), find_state(root, "puffy-moth")
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attn2seq.runs.circumstances import git

EXPERIMENT_REF = re.compile(r"^refs/exps/(?P<begun>[0-9a-f]{2}/[0-9a-f]{38})/(?P<name>.+)$")


@dataclass(frozen=True)
class State:
    """A commit, or the commit behind a DVC experiment."""

    commit: str
    exp_name: str | None
    baseline: str | None = None  # the commit that the experiment began at

    @property
    def label(self) -> str:
        """What a user calls it."""
        return self.exp_name or self.commit[:7]


def find_state(root: Path, name: str) -> State | None:
    """The state of that name."""
    wanted = f"{name}^{{commit}}"
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if found:
        return State(found.decode().strip(), None)
    return next((state for state in experiments(root) if state.exp_name == name), None)


def experiments(root: Path) -> list[State]:
    """Every DVC experiment that git knows of."""
    listed = git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or b""
    states = []
    for line in listed.decode().splitlines():
        commit, _, ref = line.partition(" ")
        if found := EXPERIMENT_REF.match(ref):
            states.append(State(commit, found["name"], found["begun"].replace("/", "")))
    return states


def known_names(root: Path) -> list[str]:
    """All branches, tags and DVC experiments."""
    kinds = ("refs/heads", "refs/tags", "refs/remotes")
    listed = git(root, "for-each-ref", "--format=%(refname:short)", *kinds) or b""
    return [*listed.decode().split(), *(state.label for state in experiments(root))]


def yaml_of(root: Path, commit: str, path: Path) -> Mapping[str, Any]:
    """A file of the commit; empty where it is not there, or no mapping."""
    try:
        values = YAML(typ="safe").load((git(root, "show", f"{commit}:{path}") or b"").decode())
    except (YAMLError, UnicodeDecodeError):
        return {}
    return values if isinstance(values, dict) else {}
