"""A workspace whose stages only pretend: their outputs follow from params.yaml, and are tiny."""

import os
import runpy
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from attn2seq.workspace.fingerprint import RUN_STAGES, md5_of

PARAMS = """\
download: {corpus: toy-en-de}
prepare: {seed: 1}
tokenize: {joint_vocabulary: true}
model: {cell: lstm, attention: additive}
train:
  learning_rate: 0.001  # step size
  betas: [0.9, 0.999]
decode: {beam_size: 5}
evaluate: {seed: 12345}
report: {sentences: 10}
track: {enabled: true, system_metrics: false}
"""

STAGES: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {
    # stage: params, deps, outs, metrics and plots
    "download": (["download"], [], ["data/raw"], []),
    "prepare": (["prepare"], ["data/raw"], ["data/prepared"], ["results/prepare/metrics.json"]),
    "tokenize": (["tokenize"], ["data/prepared"], ["data/tokenized"], []),
    "train": (
        ["model", "train"],
        ["data/tokenized"],
        ["models/trained"],
        ["results/train/metrics.json", "results/train/history.csv"],
    ),
    "decode": (["decode"], ["models/trained", "data/prepared"], ["results/decode"], []),
    "evaluate": (
        ["evaluate"],
        ["data/prepared", "results/decode"],
        ["results/evaluate/signatures.json"],
        ["results/evaluate/metrics.json"],
    ),
    "package": (
        ["decode"],
        ["models/trained", "results/evaluate/metrics.json"],
        ["models/model"],
        [],
    ),
    "report": (["report"], ["results/evaluate/metrics.json"], ["results/report"], []),
}
CODE = "src/attn2seq"

WORK = """
import json, os, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from ruamel.yaml import YAML

def put(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)

def work(stage):
    params = YAML(typ="safe").load(Path("params.yaml"))
    rate, beam = params["train"]["learning_rate"], params["decode"]["beam_size"]
    chip = os.environ.get("CHIP", "")  # on another kind of processor the same inputs give this
    if stage == "download":
        put("data/raw/text", params["download"]["corpus"])
    elif stage == "prepare":
        Path("data/prepared").mkdir(parents=True, exist_ok=True)
        for split, rows in {"train": 3, "dev": 2, "test": 2}.items():
            texts = [f"{split} {row}" for row in range(rows)]
            table = pa.table({"src": texts, "tgt": texts})
            parquet.write_table(table, f"data/prepared/{split}.parquet")
        put("data/prepared/corpus.json", json.dumps(FACTS))
        put("results/prepare/metrics.json", json.dumps({"train": {"kept": 3}}))
    elif stage == "tokenize":
        put("data/tokenized/src.model", "pieces")
    elif stage == "train":
        put("models/trained/model.safetensors", f"weights {rate}{chip}")
        put("models/trained/config.json", "{}")
        put("results/train/metrics.json", json.dumps({"steps": 100, "dev_loss": rate}))
        last = f"100,1,{4.0 + len(chip)},,4000,3.5,33.1\\n"
        put("results/train/history.csv", HEADER + "50,0,4.5,,2000,,\\n" + last)
    elif stage == "decode":
        for split in ("dev", "test"):
            put(f"results/decode/{split}/hypotheses.txt", f"beam {beam}\\n")
        put("results/decode/test/nbest.jsonl", json.dumps({"line": 0}) + "\\n")
        pieces = np.array(["a$", "</s>"])
        arrays = {"weights_0": np.full((2, 2), 0.5, np.float16), "src_0": pieces, "tgt_0": pieces}
        np.savez("results/decode/test/attention.npz", **arrays)
    elif stage == "evaluate":
        scores = {"bleu": 1000 * rate + beam + len(chip), "perplexity": 33.0}
        put("results/evaluate/metrics.json", json.dumps({"dev": scores, "test": scores}))
        signed = {name: {"signature": "s|1", "low": 1, "high": 9} for name in scores}
        put("results/evaluate/signatures.json", json.dumps({"dev": signed, "test": signed}))
    elif stage == "package":
        weights = Path("models/trained/model.safetensors").read_text()
        put("models/model/model.safetensors", weights)
        put("models/model/config.json", json.dumps({"decode": params["decode"]}))
        put("models/model/README.md", "# toy\\n")
    elif stage == "report":
        put("results/report/index.html", f"<p>{rate} {beam}")

FACTS = {
    "name": "toy-en-de", "title": "Toys", "task": "translation", "src_lang": "en",
    "tgt_lang": "de", "bleu_tokenizer": "13a", "metrics": [], "licence": "CC BY 2.0",
    "citation": "Toy (2020)",
}
HEADER = (
    "step,epoch,train_loss,train_learning_rate,train_tokens,dev_loss,dev_perplexity\\n"
)
if __name__ == "__main__":
    work(sys.argv[1])
"""

SERVED_MODEL = """
from pathlib import Path
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Upper(PythonModel):
    def load_context(self, context):
        self.settings = (Path(context.artifacts["model"]) / "config.json").read_text()
    def predict(self, model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

set_model(Upper())
"""


def write_workspace(root: Path) -> None:
    """Params, code and dvc.yaml, but no results yet."""
    for path, text in {
        "params.yaml": PARAMS,
        "work.py": WORK,
        f"{CODE}/__init__.py": "",
        f"{CODE}/runs/__init__.py": "",
        f"{CODE}/runs/served_model.py": SERVED_MODEL,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    stages = {
        name: {
            "cmd": f"python work.py {name}",
            "params": params,
            "deps": [*deps, "work.py", CODE],
            "outs": outs,
            "metrics": [{path: {"cache": False}} for path in metrics],
        }
        for name, (params, deps, outs, metrics) in STAGES.items()
    }
    with (root / "dvc.yaml").open("w") as file:
        YAML().dump({"stages": stages}, file)


def run_stages(root: Path, *names: str) -> None:
    """Run them in this process, by default all, in the order of the pipeline."""
    before = Path.cwd()
    os.chdir(root)
    try:
        work = runpy.run_path("work.py")["work"]
        for name in names or STAGES:
            work(name)
    finally:
        os.chdir(before)


def write_lock(root: Path) -> None:
    """The dvc.lock that DVC would write now."""
    params = YAML(typ="safe").load(root / "params.yaml")
    stages: dict[str, Any] = {}
    for name, (sections, deps, outs, metrics) in STAGES.items():
        stages[name] = {
            "deps": [_entry(root, path) for path in [*deps, "work.py", CODE]],
            "params": {"params.yaml": {section: deepcopy(params[section]) for section in sections}},
            "outs": [_entry(root, path) for path in [*outs, *metrics]],
        }
    assert set(RUN_STAGES) < set(stages)
    with (root / "dvc.lock").open("w") as file:
        YAML().dump({"schema": "2.0", "stages": stages}, file)


def _entry(root: Path, path: str) -> dict[str, str]:
    return {"path": path, "md5": md5_of(root / path)}
