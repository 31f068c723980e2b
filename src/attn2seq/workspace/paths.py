"""Every path of the workspace, in the order of the data's way.

All are relative to the workspace's root, which is the working directory of a stage. What lies in
`.cache`, and MLflow's store, belong to the main repository: `main_root() / CHECKPOINTS`.
"""

from pathlib import Path

# What a user edits, and what DVC reads and writes.
PARAMS = Path("params.yaml")
RECIPES = Path("recipes")
DVC_YAML = Path("dvc.yaml")
DVC_LOCK = Path("dvc.lock")
PACKAGE = Path("src/attn2seq")

# code, and check
NOTES = Path("results/code")
CHECKED = Path("results/check/ok")

# download
CATALOGUE = Path("data/catalogue")
LOCAL = Path("data/local")
RAW = Path("data/raw")

# prepare
PREPARED = Path("data/prepared")
CORPUS = PREPARED / "corpus.json"
RESULTS = Path("results")
PREPARE_METRICS = RESULTS / "prepare/metrics.json"

# tokenize
TOKENIZED = Path("data/tokenized")

# train
TRAINED = Path("models/trained")
WEIGHTS = TRAINED / "model.safetensors"
TRAIN_RESULTS = RESULTS / "train"
HISTORY = TRAIN_RESULTS / "history.csv"
TRAIN_METRICS = TRAIN_RESULTS / "metrics.json"

# decode
ENSEMBLE = Path("data/ensemble")
DECODED = RESULTS / "decode"

# evaluate
EVALUATED = RESULTS / "evaluate"
SCORES = EVALUATED / "metrics.json"
SIGNATURES = EVALUATED / "signatures.json"

# package
MODEL = Path("models/model")

# report, and a comparison with another run
REPORT = RESULTS / "report/index.html"
COMPARISONS = RESULTS / "compare"

# What is kept between runs, in the main repository.
CACHE = Path(".cache")
DOWNLOADS = CACHE / "downloads"
CHECKPOINTS = CACHE / "checkpoints"
TIMINGS = CACHE / "timings"
MODELS_OF_REVISIONS = CACHE / "models"

# Runs in MLflow; all but the last two lie in the cache.
SNAPSHOTS = CACHE / "runs"
TRAININGS = CACHE / "trainings"
SWEEPS = CACHE / "sweeps"
CHAMPIONS = CACHE / "champions"
DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
