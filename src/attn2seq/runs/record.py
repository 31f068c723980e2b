"""What a run consists of, as plain records: whoever collects it knows no MLflow, whoever shows it
no files' places.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import attn2seq
from attn2seq.errors import UserError

# The tag of a run with the name of that score; its metrics are dev/<name> and test/<name>.
JUDGED_TAG = "judged_by"


@dataclass(frozen=True)
class Point:
    """One value of one metric; a final score is the one point of its key, at step 0."""

    key: str
    step: int
    value: float


@dataclass(frozen=True)
class DataSet:
    """One split as the run read it."""

    name: str
    digest: str
    source: str  # path from the repository's root
    rows: int
    columns: tuple[str, ...]
    context: str  # train, dev or test


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that is complete by itself, and the code that runs it."""

    folder: Path
    package: Path = Path(attn2seq.__file__).parent
    origin: Mapping[str, str] = field(default_factory=dict)  # for the copy's card: commit and such


Ending = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Sweep:
    """Experiments that were run together: the parent of their runs, and how it ended."""

    name: str
    ending: Ending


@dataclass(frozen=True)
class Group:
    """Runs to be compared with each other: an experiment in MLflow, and a sweep within it."""

    name: str
    note: str  # Markdown, shown on the experiment's page: what to look at
    sweep: Sweep | None = None


@dataclass(frozen=True)
class RunRecord:
    """All that is known of a run; parts that are not known (yet) are empty."""

    inputs: str  # the fingerprint of what it is made of
    fingerprint: str | None  # of that and of what came out; None until it is scored
    attempt: str | None  # of the training that made its weights, or is at work; None: not known
    group: Group
    name: str | None  # the user's word for it; None: named after what differs in its group
    summary: str  # what the model is, in some words
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Sequence[Point] = ()
    data_sets: Sequence[DataSet] = ()
    # path inside the run -> what writes it to the path it is given
    artifacts: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    model: ModelFiles | None = None
    finished: bool = False  # scored: nothing but additions from here on
    ended_s: float | None = None  # when its training ended, or else when it was committed
    seconds: float | None = None  # how long its training took


class StoreUnavailableError(UserError):
    """MLflow is not installed, or does not answer; nothing but the view of the runs is lost."""


@dataclass(frozen=True)
class Store:
    """Where the runs are: a server's address, or a database file made where it is missing."""

    uri: str
    lock: Path
    database: Path | None = None
    artifacts: Path | None = None  # None: the server decides


@dataclass(frozen=True)
class Shown:
    """A run that MLflow has."""

    run_id: str
    experiment_id: str
    name: str
    judged_by: str | None  # the score that its corpus judges by, once it is known
    added: tuple[str, ...] = ()  # what `Runs.complete` added to it: "18 params", "model"
