"""Decoder steps of few rows, each shape recorded once and then replayed: CUDA graphs.

A step of a handful of hypotheses is dozens of small operations, each of which the host starts by
itself. Replayed, all of them start at once.

A graph reads and writes the same memory each time, so a step's inputs are copied to where its graph
reads them, and its outputs from where it leaves them. Batches are filled up to a power of two and
sources to a multiple of 16 positions, so that few shapes have to be recorded; and a shape is only
when it is met for the third time, since recording takes as long as many steps.

Shapes: B batch, S source positions, N rows of a step, as many for each sentence, V target
vocabulary; F sentences and M rows once the batch is filled up.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from attn2seq.decoding.search import S, StepModel

MOST_ROWS = 64  # a guess, for want of a GPU: with more, an operation outlasts its start
SOURCE_MULTIPLE = 16
KEPT = 32  # recordings; the one that was not used for longest goes first
MET_BEFORE = 2  # times that a shape is done as it comes, before it is recorded

Outputs = tuple[Tensor, Tensor | None, Any]
Shapes = tuple[tuple[torch.Size, torch.dtype], ...]
# Makes the outputs of a step, and what makes them again, in the same memory, from its inputs.
Record = Callable[[Callable[[], Outputs]], tuple[Outputs, Callable[[], object]]]


class GraphRecorder:
    """Records steps as CUDA graphs, which share the memory of what no step hands on.

    They may, because they are replayed one at a time, and what a step hands on is copied before
    the next is replayed.
    """

    @cached_property
    def _pool(self) -> Any:
        return torch.cuda.graph_pool_handle()

    def __call__(self, step: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        """The outputs, and what computes them again."""
        return record_on_gpu(step, self._pool)


def record_on_gpu(
    step: Callable[[], Outputs], pool: Any = None
) -> tuple[Outputs, Callable[[], object]]:
    """The step as a CUDA graph, with memory from the pool."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # libraries choose their kernels at the first calls
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    # Of this thread alone: what others do meanwhile neither enters the graph nor breaks it.
    with torch.cuda.graph(graph, pool, capture_error_mode="thread_local"):
        outputs = step()
    return outputs, graph.replay


class Widening(Protocol):
    """An encoded source batch that can take more padding."""

    def select(self, index_N: Tensor, /) -> Self:
        """The sentences at `index_N`."""
        ...

    def widened(self, missing: int, /) -> Self:
        """With so many more positions, which are padding."""
        ...


E = TypeVar("E", bound=Widening)


@dataclass(frozen=True)
class Padded(Generic[E]):
    """An encoded source batch with more padding than it was given."""

    encoded: E
    width: int  # source positions as given
    sentences: int

    def select(self, index_N: Tensor) -> "Padded[E]":
        """The sentences at `index_N`."""
        return Padded(self.encoded.select(index_N), self.width, len(index_N))


@dataclass
class _Recording(Generic[E, S]):
    tokens_N: Tensor
    state: S
    encoded: Padded[E]
    encoded_from: Padded[E]  # what was copied to `encoded` last
    outputs: Outputs
    replay: Callable[[], object]


class RecordedSteps(Generic[E, S]):
    """A StepModel that gives what `model` gives, to rounding. Safe to use from several threads."""

    _lock = Lock()  # of all models: torch captures all graphs in one stream

    def __init__(self, model: StepModel[E, S], record: Record | None = None) -> None:
        self.model, self.record = model, record or GraphRecorder()
        self._met: Counter[Shapes] = Counter()
        self._recordings: OrderedDict[Shapes, _Recording[E, S]] = OrderedDict()

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Padded[E]:
        """The source batch; lengths count eos."""
        width = src_BS.shape[1]
        # Afterwards: the encoder need not read the padding, and sentences of one length stay so.
        encoded = self.model.encode(src_BS, src_lengths_B)
        return Padded(encoded.widened(-width % SOURCE_MULTIPLE), width, len(src_BS))

    def initial_state(self, encoded: Padded[E]) -> S:
        """The state before the first target token."""
        return self.model.initial_state(encoded.encoded)

    def decode_step(
        self, tokens_N: Tensor, state: S, encoded: Padded[E]
    ) -> tuple[Tensor, Tensor | None, S]:
        """From the last tokens to the next ones' distribution, as the model's own."""
        rows, width = len(tokens_N), encoded.width
        shapes = filled_shapes(rows, state, encoded)
        if rows > MOST_ROWS or not self._met_often(shapes):
            log_probs_NV, attn_weights_NS, after = self.model.decode_step(
                tokens_N, state, encoded.encoded
            )
            return log_probs_NV, _cut(attn_weights_NS, rows, width), after
        with self._lock:
            recording = self._recording(shapes, tokens_N, state, encoded)
            recording.replay()
            log_probs_MV, attn_weights_MS, after = recording.outputs
            return (
                log_probs_MV[:rows].clone(),
                _cut(attn_weights_MS, rows, width),
                after.select(torch.arange(rows, device=tokens_N.device)),
            )

    def _met_often(self, shapes: Shapes) -> bool:
        """Whether these shapes are worth a recording, now that they are met once more."""
        with self._lock:
            self._met[shapes] += 1
            return self._met[shapes] > MET_BEFORE

    def _recording(
        self, shapes: Shapes, tokens_N: Tensor, state: S, encoded: Padded[E]
    ) -> _Recording[E, S]:
        """That of these shapes, its inputs in place."""
        device, sentences = tokens_N.device, encoded.sentences
        filled_F = torch.arange(filled(sentences), device=device).clamp_(max=sentences - 1)
        rows_BK = torch.arange(len(tokens_N), device=device).view(sentences, -1)
        filled_M = rows_BK[filled_F].flatten()
        tokens_M, state = tokens_N[filled_M], state.select(filled_M)
        found = self._recordings.pop(shapes, None)
        if found is None:
            found = self._new(tokens_M, state, encoded, filled_F)
        else:
            found.tokens_N.copy_(tokens_M)
            _copy(state, found.state)
            if found.encoded_from is not encoded:
                _copy(encoded.select(filled_F), found.encoded)
                found.encoded_from = encoded
        self._recordings[shapes] = found
        if len(self._recordings) > KEPT:
            self._recordings.popitem(last=False)
        return found

    def _new(
        self, tokens_M: Tensor, state: S, encoded: Padded[E], filled_F: Tensor
    ) -> _Recording[E, S]:
        inputs = encoded.select(filled_F)
        outputs, replay = self.record(
            lambda: self.model.decode_step(tokens_M, state, inputs.encoded)
        )
        return _Recording(tokens_M, state, inputs, encoded, outputs, replay)


def filled(sentences: int) -> int:
    """The power of two that a batch is filled up to."""
    return 1 << (sentences - 1).bit_length()


def _cut(attn_weights_NS: Tensor | None, rows: int, width: int) -> Tensor | None:
    return None if attn_weights_NS is None else attn_weights_NS[:rows, :width].clone()


def tensors(value: object) -> Iterator[Tensor]:
    """All tensors in a value made of dataclasses and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for entry in fields(value):
            yield from tensors(getattr(value, entry.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from tensors(part)


def filled_shapes(rows: int, state: object, encoded: Padded[E]) -> Shapes:
    """What a recording is made for: the batch once it is filled up, and what each row holds."""
    batch = torch.Size([filled(encoded.sentences), rows // encoded.sentences])
    parts = ((part.shape[1:], part.dtype) for part in tensors((state, encoded)))
    return ((batch, torch.int64), *parts)


def _copy(value: object, place: object) -> None:
    for old, new in zip(tensors(place), tensors(value), strict=True):
        old.copy_(new)
