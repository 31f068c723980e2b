"""When does attention set in? The step at which alignment forms, for one change at a time.

    python -m benchmarks.onset                      # every change, seeds 1 to 3
    python -m benchmarks.onset --only "rate 0.004" "batches of 600 tokens" --seeds 1

Reads the tokenized phrasebook of the workspace (`dvc repro tokenize`). The plain case is Luong's
dot attention (recipes/luong-2015-dot.yaml) in batches of 1,200 tokens at a constant rate of 0.002.
Training ends where the dev loss falls below 1 nat a token, which none reaches without attention, or
after --steps. Results stand in .cache/onset/, one file a run, and are not made again; the table has
for each change, as the mean of its seeds, the step at which the dev loss crosses 1.5 and the step
at which alignment (the correlation of target positions with those attended to) crosses 0.4.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import nn

from attn2seq.batching.batch import Pairs
from attn2seq.errors import StoppedError
from attn2seq.model.attention import DotAttention
from attn2seq.model.device import pick_number_type, tune_cpu
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.runs.circumstances import processor
from attn2seq.seeding import seed_everything
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings
from attn2seq.whole import write_json
from benchmarks.machine import ROOT, commit

RESULTS = ROOT / ".cache" / "onset"
LOSS, ALIGNMENT, ENOUGH = 1.5, 0.4, 1.0
LOOK = 100  # steps
PLAIN: dict[str, Any] = {
    "cell": "lstm", "encoder_layers": 2, "encoder_hidden_size": 256, "bidirectional": "none",
    "decoder_layers": 2, "decoder_hidden_size": 256, "bridge": "last", "attention": "dot",
    "tie_embeddings": "none",
    "batch_tokens": 1200, "learning_rate": 0.002, "schedule": "constant", "warmup_steps": 300,
    "max_epochs": 100, "evaluate_every_steps": LOOK, "log_every_steps": 50, "threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What differs from the plain case: settings, and what is done to a fresh model."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    to_model: Callable[[Seq2Seq], None] = lambda model: None


def recurrent_weights(model: Seq2Seq) -> list[tuple[str, nn.Parameter]]:
    """The weights and biases of all LSTMs."""
    return [
        (name, weight)
        for module in model.modules()
        if isinstance(module, nn.LSTM)
        for name, weight in module.named_parameters()
    ]


@torch.no_grad()
def orthogonal(model: Seq2Seq) -> None:
    """Each gate's recurrence starts as a rotation (Saxe et al. 2014)."""
    for name, weight in recurrent_weights(model):
        if "weight_hh" in name:
            for gate in weight.chunk(4):
                nn.init.orthogonal_(gate)


@torch.no_grad()
def glorot(model: Seq2Seq) -> None:
    """The inputs' weights keep variance (Glorot and Bengio 2010)."""
    for name, weight in recurrent_weights(model):
        if "weight_ih" in name:
            for gate in weight.chunk(4):
                nn.init.xavier_uniform_(gate)


def both(model: Seq2Seq) -> None:
    """Rotations, and inputs that keep variance."""
    orthogonal(model)
    glorot(model)


@torch.no_grad()
def closed_forget_gates(model: Seq2Seq) -> None:
    """Without the bias of 1 that forget gates start with."""
    for name, weight in recurrent_weights(model):
        if "bias_ih" in name:
            size = len(weight) // 4
            weight[size : 2 * size] = 0.0


def larger_embeddings(model: Seq2Seq) -> None:
    """Embeddings of variance 1, as torch starts them."""
    with torch.no_grad():
        for embedding in (model.src_embedding, model.tgt_embedding):
            embedding.weight.mul_(embedding.embedding_dim**0.5)


class _Scaled(DotAttention):
    def scores(self, queries_BTQ: Any, keys_BSA: Any, coverage_BTS: Any = None) -> Any:
        return super().scores(queries_BTQ, keys_BSA) * queries_BTQ.shape[-1] ** -0.5


def scaled_scores(model: Seq2Seq) -> None:
    """q . h / sqrt(Q), as in Vaswani et al. 2017."""
    model.decoder.attention = _Scaled()


CHANGES = {
    "none": Change(),
    "forget gates closed at first": Change(to_model=closed_forget_gates),
    "orthogonal recurrences": Change(to_model=orthogonal),
    "Glorot's inputs": Change(to_model=glorot),
    "both of these": Change(to_model=both),
    "embeddings of variance 1": Change(to_model=larger_embeddings),
    "rate 0.001": Change({"learning_rate": 0.001}),
    "rate 0.004": Change({"learning_rate": 0.004}),
    "warm-up of 1,000 steps": Change({"warmup_steps": 1000}),
    "warm-up of 50 steps": Change({"warmup_steps": 50}),
    "batches of 600 tokens": Change({"batch_tokens": 600}),
    "batches of 2,500 tokens": Change({"batch_tokens": 2500}),
    "no label smoothing": Change({"label_smoothing": 0.0}),
    "no dropout": Change(
        {"embedding_dropout": 0.0, "layer_dropout": 0.0, "readout_dropout": 0.0}
    ),
    "layer normalisation": Change({"cell": "layer_norm_lstm"}),
    "GRU": Change({"cell": "gru"}),
    "scaled scores": Change(to_model=scaled_scores),
    "residual connections": Change({"residual": True}),
    "one layer on each side": Change({"encoder_layers": 1, "decoder_layers": 1}),
    "bidirectional encoder": Change({"bidirectional": "all", "encoder_hidden_size": 128}),
    "all embeddings tied": Change({"tie_embeddings": "all"}),
    "input feeding": Change({"input_feeding": True}),
    "general attention": Change({"attention": "general"}),
    "additive attention": Change({"attention": "additive"}),
    "multi-head attention": Change({"attention": "multi_head"}),
}  # fmt: skip


def crossing(
    steps: Sequence[float], values: Sequence[float], level: float, rising: bool
) -> float | None:
    """The step at which the values cross the level for good, in between by a straight line.

    Steps 100, 200 with losses 2 and 1 cross 1.5 at 150, falling. None where they end on the wrong
    side, or were never there: alignment may begin high, while weights are still as drawn.
    """
    reached = [value > level if rising else value < level for value in values]
    if not reached[-1] or all(reached):
        return None
    last = max(place for place, there in enumerate(reached) if not there)
    low, high = values[last], values[last + 1]
    return steps[last] + (steps[last + 1] - steps[last]) * (level - low) / (high - low)


def run(name: str, seed: int, most_steps: int, tokenized: Path) -> dict[str, Any]:
    """The curve of one training, made once."""
    path = RESULTS / f"{name.replace(' ', '-')}-{seed}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    change = CHANGES[name]
    shipped: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "params.yaml")
    values = {**PLAIN, **change.settings, "max_steps": most_steps, "seed": seed}
    model_settings = ModelSettings.model_validate(_filled(shipped["model"], values))
    settings = TrainSettings.model_validate(_filled(shipped["train"], values))
    device = torch.device("cpu")
    seed_everything(seed)
    sizes = [Tokenizer(tokenized / f"{side}.model").vocabulary_size for side in ("src", "tgt")]
    model = Seq2Seq(model_settings, *sizes)
    change.to_model(model)
    model.to(device, pick_number_type("auto", device))
    train, dev = (
        Pairs(TokenStore(tokenized / f"{split}.src"), TokenStore(tokenized / f"{split}.tgt"))
        for split in ("train", "dev")
    )
    folder = RESULTS / "running" / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    with CheckpointFolder(folder / "checkpoints", print) as checkpoints:
        history = History(folder / "history.csv")

        def enough() -> StoppedError | None:
            losses = [row["dev_loss"] for row in history.rows if "dev_loss" in row]
            return StoppedError("enough", 0) if losses and losses[-1] < ENOUGH else None

        trainer = Trainer(
            model, lambda epoch: train, dev, settings, history, checkpoints, print, enough
        )
        with suppress(StoppedError):
            trainer.run()
    curve = [
        {"step": row["step"], "dev_loss": row["dev_loss"], "alignment": row["dev_alignment"]}
        for row in history.rows
        if "dev_loss" in row
    ]
    result = {"change": name, "seed": seed, "curve": curve, "commit": commit(), "cpu": processor()}
    write_json(path, result)
    return result


def _filled(shipped: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The shipped section with those of the values that belong to it."""
    return shipped | {key: value for key, value in values.items() if key in shipped}


def row(name: str, results: Sequence[Mapping[str, Any]], most_steps: int) -> str:
    """A row of the table: means over the seeds, and all of their steps."""

    def cells(column: str, level: float) -> str:
        found = []
        for result in results:
            steps, values = ([look[key] for look in result["curve"]] for key in ("step", column))
            found.append(crossing(steps, values, level, rising=column == "alignment"))
        if None in found:
            return f"after {most_steps:,} | " + ", ".join(
                "-" if step is None else f"{step:,.0f}" for step in found
            )
        steps = [step for step in found if step is not None]
        return f"{statistics.mean(steps):,.0f} | " + ", ".join(f"{step:,.0f}" for step in steps)

    return f"| {name} | {cells('dev_loss', LOSS)} | {cells('alignment', ALIGNMENT)} |"


def main(arguments: Sequence[str]) -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=2400)
    options = parser.parse_args(arguments)
    tune_cpu()
    torch.set_num_threads(1)
    for seed in options.seeds:
        for name in options.only:
            run(name, seed, options.steps, ROOT / "data" / "tokenized")
    print("| change | loss 1.5 at step | seeds | alignment 0.4 at step | seeds |")
    print("|---|---:|---|---:|---|")
    for name in options.only:
        results = [
            run(name, seed, options.steps, ROOT / "data" / "tokenized") for seed in options.seeds
        ]
        print(row(name, results, options.steps))


if __name__ == "__main__":
    main(sys.argv[1:])
