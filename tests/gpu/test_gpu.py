"""What only a GPU can show: graphs, waits of the host, its memory and its random numbers."""

from collections.abc import Callable
from itertools import chain

import pytest
import torch
from recorded_variants import SOURCES, VARIANTS
from table_model import decode_settings

from attn2seq.batching.batch import make_batch, pad_batch
from attn2seq.decoding import recorded
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.errors import UserError
from attn2seq.model.copying import mix_copies
from attn2seq.model.device import memory_told, moved
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.checkpoints import random_states, restore_random_states
from attn2seq.training.loss import sequence_loss


@pytest.mark.parametrize("search", [greedy_search, beam_search])
@pytest.mark.parametrize("variant", [*VARIANTS, {"cell": "layer_norm_lstm"}, {"cell": "lrn"}])
def test_a_graph_finds_the_same(
    gpu: torch.device,
    monkeypatch: pytest.MonkeyPatch,
    small_model: Callable[..., Seq2Seq],
    variant: dict[str, object],
    search: Callable[..., list[list[recorded.Any]]],
) -> None:
    monkeypatch.setattr(recorded, "MET_BEFORE", 0)
    model = moved(small_model(**variant), gpu, torch.float32)
    steps = RecordedSteps(model)
    beam_size = 3 if search is beam_search else 1
    settings = decode_settings(
        beam_size=beam_size, nbest=1, max_length_factor=1.0, max_length_offset=6
    )
    for sources in (SOURCES, SOURCES[::-1], SOURCES[:1], SOURCES):
        batch = pad_batch(sources, gpu)
        found = chain(*search(steps, *batch, settings, True))
        expected = chain(*search(model, *batch, settings, True))
        for left, right in zip(found, expected, strict=True):
            assert left.tokens == right.tokens
            assert left.score == pytest.approx(right.score, abs=1e-4)


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"cell": "lrn"},
        {"attention": "multi_head", "encoder": "transformer", "decoder": "transformer",
         "embedding_size": 16, "encoder_hidden_size": 16, "readout_size": 0},
    ],
)  # fmt: skip
def test_no_step_waits_for_the_gpu_where_nothing_is_packed(
    gpu: torch.device, small_model: Callable[..., Seq2Seq], variant: dict[str, object]
) -> None:
    model = moved(small_model(**variant), gpu, torch.float32).train()
    batch = make_batch([[5, 6, 7]] * 4, [[8, 9], [4, 5], [6], [7]], gpu)
    for mode in ("default", "error"):  # the first time loads what the libraries need
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode(mode)
        try:
            sequence_loss(model, model(batch), batch, 0.1).backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_bfloat16_weights_are_in_one_piece(
    gpu: torch.device, small_model: Callable[..., Seq2Seq], cell: str
) -> None:
    """Where they are not, the fixture turns torch's warning into an error."""
    model = moved(small_model(cell=cell, encoder_layers=2), gpu, torch.bfloat16)
    model(make_batch([[5, 6, 7], [8]], [[8, 9], [4, 5]], gpu))
    weights = [
        weight for name, weight in model.encoder.layers[0].named_parameters() if "weight" in name
    ]
    assert len({weight.untyped_storage().data_ptr() for weight in weights}) == 1


def test_copies_are_added_in_the_same_order_each_time(device: torch.device) -> None:
    torch.manual_seed(1)
    log_probs = torch.log_softmax(torch.randn(64, 100), -1).to(device)
    weights = torch.softmax(torch.randn(64, 400), -1).to(device)
    source = torch.randint(4, 12, (64, 400)).to(device)
    generate = torch.full((64,), 0.5, device=device)
    first = mix_copies(log_probs, generate, weights, source)
    for _ in range(20):
        assert torch.equal(mix_copies(log_probs, generate, weights, source), first)


def test_memory_that_runs_out_is_told(gpu: torch.device) -> None:
    with (
        pytest.raises(UserError, match=r"^out of memory on the GPU: lower it$"),
        memory_told(lambda: "lower it"),
    ):
        torch.empty(2**50, dtype=torch.uint8, device=gpu)


def test_random_numbers_go_on_where_they_stood(device: torch.device) -> None:
    states = random_states(torch.device(device.type, 0) if device.type == "cuda" else device)
    first = torch.rand(8, device=device)
    restore_random_states(states, device)
    assert torch.equal(torch.rand(8, device=device), first)
