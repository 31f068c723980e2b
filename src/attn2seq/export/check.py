"""Whether the exported graphs compute what the model does, up to rounding.

Shapes: B batch, S source positions, N hypotheses, V target vocabulary.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.batching.batch import pad_batch
from attn2seq.errors import UserError
from attn2seq.export.graphs import ENCODER, STEP, Named, source_tensors, state_tensors
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import BOS_ID, UNK_ID

if TYPE_CHECKING:
    import onnxruntime

# One sentence and many; of one piece and of many; other lengths than those of the export.
LENGTHS = ((1,), (6,), (8, 1, 3, 8), (2, 5), (39, 7, 7, 20, 1, 12, 3, 39, 16))
STEPS = 4
# Of the largest value in a tensor: sums of float32 in another order stay far below it, a mistake
# far above.
TOLERANCE = 1e-3
# A token of less is as good as impossible; its logarithm is mostly rounding.
_LEAST_PROBABILITY = 1e-4


def session(path: Path, threads: int = 0) -> "onnxruntime.InferenceSession":
    """The graph, ready to run on the CPU; 0 threads are as many as there are cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def largest_difference(model: Seq2Seq, folder: Path, tolerance: float = TOLERANCE) -> float:
    """Between the outputs of the model and of the graphs in `folder`, for sentences of random
    pieces; as a share of the largest value of a tensor where that is above 1.

    Raises UserError where it is not below the tolerance, or a shape differs.
    """
    encoder, step = session(folder / ENCODER), session(folder / STEP)
    generator = np.random.default_rng(1)
    largest = 0.0
    for lengths in LENGTHS:
        vocabulary = model.src_vocabulary_size
        sources = [generator.integers(UNK_ID, vocabulary, length) for length in lengths]
        src_BS, src_lengths_B = pad_batch(sources)
        encoded = model.encode(src_BS, src_lengths_B)
        state = model.initial_state(encoded)
        source = source_tensors(encoded)
        starts = {f"start_{name}": part for name, part in state_tensors(state).items()}
        given = {"src_ids": src_BS, "src_lengths": src_lengths_B}
        largest = max(largest, _compared(encoder, given, source | starts, tolerance))
        # Hypotheses share their source: one of each, or several.
        hypotheses = 1 + len(sources) % 3
        source_N = torch.arange(len(sources)).repeat_interleave(hypotheses)
        state = state.select(source_N)
        tokens_N = torch.full((len(source_N),), BOS_ID)
        for _ in range(STEPS):
            # From the model's own state: else what is rounded would grow from step to step.
            given = {"tokens": tokens_N, "src_ids": src_BS, **source, **state_tensors(state)}
            log_probs_NV, attn_weights_NS, state = model.decode_step(tokens_N, state, encoded)
            wanted = {"log_probs": log_probs_NV} | {
                f"next_{name}": part for name, part in state_tensors(state).items()
            }
            if attn_weights_NS is not None:
                wanted["attn_weights"] = attn_weights_NS
            largest = max(largest, _compared(step, given, wanted, tolerance))
            tokens_N = log_probs_NV.argmax(dim=-1)
    return largest


def _compared(
    graph: "onnxruntime.InferenceSession", given: Named, wanted: Named, tolerance: float
) -> float:
    names = [output.name for output in graph.get_outputs()]
    inputs = {entry.name: given[entry.name].numpy() for entry in graph.get_inputs()}
    found = dict(zip(names, graph.run(names, inputs), strict=True))
    gaps = {name: _difference(name, array, wanted[name]) for name, array in found.items()}
    name, gap = max(gaps.items(), key=lambda item: item[1])
    if not gap < tolerance:
        raise UserError(
            f"the exported model is not the model: its {name} differs by {gap:.2g} of the largest "
            f"value, more than {tolerance:g}; nothing was written"
        )
    return gap


def _difference(name: str, array: NDArray[np.generic], wanted: Tensor) -> float:
    expected = wanted.numpy()
    if array.shape != expected.shape:
        raise UserError(
            f"the exported model is not the model: its {name} has the shape {array.shape}, not "
            f"{expected.shape}"
        )
    if not array.size:
        return 0.0
    if name == "log_probs":
        likely = expected > np.log(_LEAST_PROBABILITY)
        array, expected = np.where(likely, array, 0), np.where(likely, expected, 0)
    gaps = np.abs(array.astype(np.float64) - expected.astype(np.float64))
    gap = float(gaps.max() / max(1.0, np.abs(expected.astype(np.float64)).max()))
    return math.inf if math.isnan(gap) else gap
