"""Recorded steps, with a stand-in that keeps to one memory as a CUDA graph does."""

from collections.abc import Callable
from itertools import chain

import pytest
import torch
from recorded_variants import SOURCES, VARIANTS
from table_model import decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding import recorded
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.recorded import Outputs, RecordedSteps, tensors
from attn2seq.decoding.search import Found
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq


def stand_in(made: list[int]) -> Callable[..., tuple[Outputs, Callable[[], object]]]:
    """Runs the step again, and leaves what it gives where the first run left it."""

    def record(step: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        made.append(1)
        outputs = step()

        def replay() -> None:
            for place, value in zip(tensors(outputs), tensors(step()), strict=True):
                place.copy_(value)

        for place in tensors(outputs):  # a graph's memory holds nothing before it is replayed
            place.zero_()
        return outputs, replay

    return record


def alike(found: list[list[Found]], expected: list[list[Found]]) -> None:
    for left, right in zip(chain(*found), chain(*expected), strict=True):
        assert left.tokens == right.tokens
        assert left.score == pytest.approx(right.score, abs=1e-4)
        assert (left.attn_weights_TS is None) == (right.attn_weights_TS is None)
        if left.attn_weights_TS is not None and right.attn_weights_TS is not None:
            assert left.attn_weights_TS == pytest.approx(right.attn_weights_TS, abs=1e-4)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shape is recorded when it is met first."""
    monkeypatch.setattr(recorded, "MET_BEFORE", 0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_search_finds_the_same(
    small_model: Callable[..., Seq2Seq], variant: dict[str, object], beam_size: int
) -> None:
    made: list[int] = []
    model = small_model(**variant).eval()
    steps = RecordedSteps(model, stand_in(made))
    penalty = 0.2 if variant.get("attention") != "none" and beam_size > 1 else 0.0
    settings = decode_settings(
        beam_size=beam_size, nbest=1, max_length_factor=1.0, max_length_offset=6,
        coverage_penalty=penalty,
    )  # fmt: skip
    search = beam_search if beam_size > 1 else greedy_search
    # More than a batch: what one search has left behind must not be seen by the next.
    for sources in (SOURCES, SOURCES[::-1], SOURCES[1:2], SOURCES):
        batch = pad_batch(sources)
        alike(search(steps, *batch, settings, True), search(model, *batch, settings, True))
    assert made


def test_a_shape_is_recorded_when_it_is_met_for_the_third_time(
    small_model: Callable[..., Seq2Seq],
) -> None:
    made: list[int] = []
    model = small_model().eval()
    steps = RecordedSteps(model, stand_in(made))
    settings = decode_settings(beam_size=1, max_length_factor=0.0, max_length_offset=0)
    counts = []
    for source in ([5], [6, 7], [8], [9, 4]):  # one step each, of one token
        batch = pad_batch([source])
        alike(
            greedy_search(steps, *batch, settings, True),
            greedy_search(model, *batch, settings, True),
        )
        counts.append(len(made))
    assert counts == [0, 0, 1, 1]


def test_a_sentence_alone_is_encoded_without_padding(small_model: Callable[..., Seq2Seq]) -> None:
    """Torch's layers take sentences of one length as they are, and others packed."""
    model = small_model().eval()
    widths: list[int] = []
    encode = model.encode

    def noting(src_BS: torch.Tensor, src_lengths_B: torch.Tensor) -> Encoded:
        widths.append(src_BS.shape[1])
        return encode(src_BS, src_lengths_B)

    model.encode = noting  # type: ignore[method-assign]
    padded = RecordedSteps(model, stand_in([])).encode(*pad_batch([[5, 6, 7]]))
    assert widths == [4]
    assert padded.encoded.src_mask_BS.shape == (1, 16)
    assert padded.encoded.src_mask_BS.sum() == 4


@pytest.mark.usefixtures("at_once")
def test_equal_shapes_are_recorded_once(small_model: Callable[..., Seq2Seq]) -> None:
    made: list[int] = []
    steps = RecordedSteps(small_model().eval(), stand_in(made))
    settings = decode_settings(beam_size=1, max_length_factor=1.0, max_length_offset=6)
    for source in ([5], [6, 7], [8] * 15):
        greedy_search(steps, *pad_batch([source]), settings)
    assert len(made) == 1
    greedy_search(steps, *pad_batch([[8] * 16]), settings)
    assert len(made) == 2


@pytest.mark.usefixtures("at_once")
def test_many_rows_are_not_recorded(
    small_model: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(recorded, "MOST_ROWS", 5)
    model = small_model().eval()
    steps = RecordedSteps(model, stand_in(made))
    settings = decode_settings(beam_size=1, max_length_factor=0.0, max_length_offset=2)
    batch = pad_batch(SOURCES)
    alike(
        greedy_search(steps, *batch, settings, True), greedy_search(model, *batch, settings, True)
    )
    assert not made


@pytest.mark.usefixtures("at_once")
def test_the_recording_not_used_for_longest_goes(
    small_model: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(recorded, "KEPT", 2)
    steps = RecordedSteps(small_model().eval(), stand_in(made))
    settings = decode_settings(beam_size=1, max_length_factor=0.0, max_length_offset=2)
    counts = []
    for length in (3, 20, 3, 40, 3, 20):
        greedy_search(steps, *pad_batch([[5] * length]), settings)
        counts.append(len(made))
    assert counts == [1, 2, 2, 3, 3, 4]
