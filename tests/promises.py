"""What the project promises; tests are marked with the keys, and docs/reliability.md lists both."""

from collections import Counter
from dataclasses import dataclass, field

# Figures of which a test may give its own number.
COUNTED = ("faults", "cases")
MAKE_FAULTS = ("Faults", "Determinism and exact resume")
PROMISES = {
    "Faults": {
        "killed": "`kill -9` in any write, rename, evaluation on dev, or at any moment: the same "
        "command gives the same bytes",
        "dvc killed": "`kill -9` of `dvc repro` and all its processes: the next one gives the "
        "same bytes",
        "full disk": "A full disk, at any stage, is reported; no partial output remains",
        "download": "A download that is cut, wrong, refused or hangs is retried or reported; "
        "nothing of it remains",
        "mlflow": "MLflow absent, slow, dying or locked: the same bytes, and `make track` "
        "completes the run",
        "two at once": "Two `dvc repro` at once, or one of which only dvc was killed: one works, "
        "and the bytes are the same",
        "not finite": "A loss that is not finite stops training at once, names the step "
        "and its pairs, and the last checkpoint stays",
        "memory": "Out of memory stops training, names the batch and what to lower, and the last "
        "checkpoint stays",
        "read-only": "Read-only caches are reported, and their contents still used",
        "edited": "No result is recorded under code or params edited while it was made",
    },
    "Determinism and exact resume": {
        "deterministic": "The same bytes in another process, under load, on fewer processors; "
        "with `train.deterministic` on a GPU, too",
        "stopped": "Ctrl-C, SIGTERM and TRAIN_MAX_MINUTES (status 75) save the training, and the "
        "same command gives the same bytes",
        "checkpoints": "A damaged checkpoint is skipped for the one before, with a warning; old "
        "ones are removed",
    },
    "Bad input": {
        "mistakes": "A mistake is reported by the stage that meets it, with the remedy; nothing is "
        "written",
        "fuzz": "Whatever a file, a params.yaml, a model or a command line holds: the right "
        "result, or an error with file and line or key",
        "readme": "The README's commands work as they are written, in a fresh clone",
        "bounds": "No file takes memory beyond a stated bound, however much it unpacks to",
    },
    "Security": {
        "no code": "A file from elsewhere is never run: no pickle, no code in YAML",
        "fetching": "Downloads come by https or from the given mirror, checked, within a size",
        "inside": "Neither an archive nor a catalogue entry nor a lock file writes outside",
        "loopback": "Servers listen on the local machine only",
        "escaped": "A text in the report stays text",
        "audit": "`make audit` asks for known vulnerabilities, and says so where it could not ask",
    },
}


@dataclass
class Proof:
    """How the tests of one promise ended, and what they counted."""

    makes_faults: bool  # each of its tests one, unless it gives a number
    ends: Counter[str] = field(default_factory=Counter)  # passed, failed, skipped
    tests: dict[str, None] = field(default_factory=dict)  # in the order in which they ran
    figures: dict[str, int] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    def add(self, test: str, outcome: str, properties: list[tuple[str, object]]) -> None:
        """Note one test; its numbers are summed, but for the largest of those `at most`."""
        self.tests[test] = None
        self.ends[outcome] += 1
        counted = False
        for name, value in properties:
            if name == "table":
                self.tables.append(str(value))
            elif isinstance(value, int):
                before = self.figures.get(name, 0)
                most = name.endswith("at most")
                self.figures[name] = max(before, value) if most else before + value
                counted = counted or name in COUNTED
        if self.makes_faults and outcome == "passed" and not counted:
            self.figures["faults"] = self.figures.get("faults", 0) + 1


def page(proofs: dict[str, Proof], machine: str) -> str:
    """docs/reliability.md; `proofs` by the key of the promise."""
    total = Counter[str]()
    for proof in proofs.values():
        total.update(proof.ends)
        total.update({name: proof.figures.get(name, 0) for name in (*COUNTED, "lost")})
    lines = [
        "# Reliability",
        "",
        "What is promised, the tests that prove it, and what they counted: written by",
        "`make reliability`, which makes each of these faults for real. A test without a number of",
        "its own counts as one fault.",
        "",
        f"Faults made: {total['faults']:,}; inputs tried: {total['cases']:,}; lost: "
        f"{total['lost']}. Tests passed: {total['passed']}, failed: {total['failed']}, skipped: "
        f"{total['skipped']}. On {machine}.",
    ]
    for section, promises in PROMISES.items():
        lines += [
            "", f"## {section}", "",
            "| promise | proved by | passed | failed | skipped | figures |",
            "|---|---|---:|---:|---:|---|",
        ]  # fmt: skip
        lines += [_row(text, proofs[key]) for key, text in promises.items()]
    for table in (table for proof in proofs.values() for table in proof.tables):
        lines += ["", "## What the generated inputs were, and what came of them", ""]
        lines += ["```", table, "```"]
    return "\n".join(lines) + "\n"


def _row(text: str, proof: Proof) -> str:
    names: dict[str, list[str]] = {}
    for test in proof.tests:
        path, _, name = test.partition("::")
        names.setdefault(path, []).append(name)
    proved = "<br>".join(
        f"`{path}` ({len(found)} tests)" if len(found) > 3 else f"`{path}`: {', '.join(found)}"
        for path, found in names.items()
    )
    ends = " | ".join(str(proof.ends[end]) for end in ("passed", "failed", "skipped"))
    figures = "; ".join(f"{name}: {value:,}" for name, value in proof.figures.items())
    return f"| {text} | {proved or 'no test was run'} | {ends} | {figures} |"
