"""One sentence's latency and 1,000 sentences: torch, ONNX Runtime, and 8-bit weights in each.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src \\
        python -m benchmarks.exported [--turns N] [WORKSPACE]

Trains the default model at the first call, or takes that of a workspace whose stages have run up to
train. All ways search with the same code, and differ in what computes the encoder and the step;
`example` is examples/onnx_translate.py, whose texts are those of `onnx`. Start-up and loading are
not counted. Ways take turns, so that other work on the machine slows all of them; times are medians
of the turns (of one thread: the processor's time, which other work adds little to), and `of torch`
is the median share of the time that torch took in float32 in the same turn.
"""

import argparse
import runpy
import statistics
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Self

import numpy as np
import sacrebleu
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attn2seq.decoding.translator import Translator
from attn2seq.export.check import session
from attn2seq.export.folder import Weights, export_model
from attn2seq.export.graphs import ENCODER, STEP
from attn2seq.export.parts import exportable
from attn2seq.model.fast.deferred import DeferredLinear
from attn2seq.model_folder import ModelFolder
from benchmarks.decoding import flickr, load, search
from benchmarks.machine import ROOT
from benchmarks.tables.runs import Run, trained

DEFAULT = Run("bench-default-trained", "phrasebook-en-de", {})
ALONE, TOGETHER = 40, 1000
SINGLY = "example"  # which takes one sentence after the other anyway
Translate = Callable[[list[str], int], list[str]]  # texts and beam size


@dataclass(frozen=True)
class Arrays:
    """Rows of several arrays, as the searches select them."""

    named: dict[str, NDArray[Any]]

    def select(self, index_N: Tensor) -> Self:
        index = index_N.numpy()
        return type(self)({name: array[index] for name, array in self.named.items()})


class OnnxModel:
    """The graphs of an exported model, called as the searches call a model."""

    def __init__(self, folder: Path, facts: dict[str, Any], threads: int) -> None:
        self.encoder, self.step = (session(folder / each, threads) for each in (ENCODER, STEP))
        self.states: dict[str, dict[str, str | None]] = facts["states"]
        self.shapes = {entry.name: entry.shape for entry in self.step.get_inputs()}

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Arrays:
        given = {"src_ids": src_BS.numpy(), "src_lengths": src_lengths_B.numpy()}
        return Arrays({"src_ids": given["src_ids"], **_run(self.encoder, given)})

    def initial_state(self, encoded: Arrays) -> Arrays:
        batch, source = encoded.named["src_ids"].shape
        sizes = {"rows": batch, "source": source, "target": 0}
        return Arrays(
            {
                name: encoded.named[facts["start"]]
                if facts["start"]
                else np.zeros([sizes.get(size, size) for size in self.shapes[name]], np.float32)
                for name, facts in self.states.items()
            }
        )

    def decode_step(
        self, tokens_N: Tensor, state: Arrays, encoded: Arrays
    ) -> tuple[Tensor, Tensor | None, Arrays]:
        found = _run(self.step, {"tokens": tokens_N.numpy(), **encoded.named, **state.named})
        weights = found.get("attn_weights")
        state = Arrays({name: found[f"next_{name}"] for name in self.states})
        attn_weights_NS = None if weights is None else torch.from_numpy(weights)
        return torch.from_numpy(found["log_probs"]), attn_weights_NS, state


def _run(graph: Any, given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    inputs = {entry.name: given[entry.name] for entry in graph.get_inputs()}
    names = [entry.name for entry in graph.get_outputs()]
    return dict(zip(names, graph.run(names, inputs), strict=True))


def main(workspace: Path | None, turns: int) -> None:
    place = workspace or trained(DEFAULT)
    sources, references = flickr(place, "src")[:TOGETHER], flickr(place, "tgt")[:TOGETHER]
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as scratch:
        ways = ways_of(place, Path(scratch), threads)
        print(f"{len(sources):,} sentences, {threads} threads; medians of {turns} turns")
        heading = (
            f"{'way':18}{'search':8}{'ms':>7}{'of torch':>9}{'s':>8}{'of torch':>9}{'BLEU':>7}"
        )
        print(heading, flush=True)
        for beam_size in (1, 5):
            measure(ways, sources, references, beam_size, turns)


def measure(
    ways: dict[str, Translate],
    sources: list[str],
    references: list[str],
    beam_size: int,
    turns: int,
) -> None:
    """One line for each way."""
    singly = sources[:: max(1, len(sources) // ALONE)][:ALONE]
    alone: dict[str, list[float]] = {name: [] for name in ways}
    together: dict[str, list[float]] = {name: [] for name in ways}
    bleu: dict[str, float] = {}
    for translate in ways.values():  # to warm up
        translate(singly[:5], beam_size)
    for _ in range(turns):
        for name, translate in ways.items():
            for source in singly:
                alone[name].append(_timed(translate, [source], beam_size)[0])
            if not name.startswith(SINGLY):
                seconds, texts = _timed(translate, sources, beam_size)
                together[name].append(seconds)
                bleu[name] = sacrebleu.corpus_bleu(texts, [references]).score
    for name in ways:
        print(
            f"{name:18}{search(beam_size):8}"
            f"{_told(alone, name, 1000, 1)}{_told(together, name, 1, 2)}"
            + (f"{bleu[name]:>7.2f}" if name in bleu else ""),
            flush=True,
        )


def _timed(translate: Translate, texts: list[str], beam_size: int) -> tuple[float, list[str]]:
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    started = clock()
    translations = translate(texts, beam_size)
    return clock() - started, translations


def _told(times: dict[str, list[float]], name: str, factor: int, digits: int) -> str:
    """The median, and the median share of what the first way took in the same turn."""
    if not times[name]:
        return ""
    torchs = times[next(iter(times))]
    share = statistics.median(mine / one for mine, one in zip(times[name], torchs, strict=True))
    return f"{factor * statistics.median(times[name]):>8.{digits}f}{share:>9.2f}"


def ways_of(place: Path, scratch: Path, threads: int) -> dict[str, Translate]:
    """Each way's translator, torch in float32 first."""
    ways: dict[str, Translate] = {}
    for number_type in ("float32", "bfloat16"):
        ways[f"torch {number_type}"] = _library(load(place, number_type=number_type))
    rounded = load(place, number_type="float32")
    rounded.steps = [in_8_bits(load(place, number_type="float32").model)]
    ways["torch int8"] = _library(rounded)
    settings = rounded.settings.model_dump()
    model = ModelFolder(place / "models" / "trained", settings, "nfc", str(place))
    kinds: tuple[Weights, ...] = ("float32", "int8")
    for kind in kinds:
        folder = scratch / kind
        difference = export_model(model, folder, kind)
        megabytes = sum((folder / each).stat().st_size for each in (ENCODER, STEP)) / 1e6
        print(f"exported in {kind}: {megabytes:.1f} MB, difference {difference:.1g}", flush=True)
        example = runpy.run_path(str(ROOT / "examples" / "onnx_translate.py"))
        program = example["OnnxTranslator"](folder, threads=threads)
        translator = load(place, number_type="float32")
        translator.steps = [OnnxModel(folder, program.facts, threads)]
        ways[f"onnx {kind}"] = _library(translator)
        ways[f"example {kind}"] = _example(program)
    return ways


def in_8_bits(model: nn.Module) -> Any:
    """The model with torch's own dynamic quantisation of its linear and LSTM layers."""
    from torch.ao.quantization import default_dynamic_qconfig, quantize_dynamic

    warnings.simplefilter("ignore")  # of what torch will move to a package of its own
    exportable(model)
    names = []
    for name, layer in model.named_modules():
        if isinstance(layer, DeferredLinear):
            layer.__class__ = nn.Linear  # the only kind that torch looks for
        # The vector of additive attention is read as a weight.
        if isinstance(layer, nn.Linear | nn.LSTM) and not name.endswith(("energy", "coverage")):
            names.append(name)
    return quantize_dynamic(model, dict.fromkeys(names, default_dynamic_qconfig))


def _library(translator: Translator) -> Translate:
    def translate(texts: list[str], beam_size: int) -> list[str]:
        return [one.text for one in translator.translate(texts, beam_size=beam_size)]

    return translate


def _example(program: Any) -> Translate:
    def translate(texts: list[str], beam_size: int) -> list[str]:
        program.beam_size = beam_size
        return [program.translate(text) for text in texts]

    return translate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", nargs="?", type=Path, help="whose trained model to take")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="default: 5")
    given = parser.parse_args()
    main(given.workspace, given.turns)
