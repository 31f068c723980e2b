"""What only a GPU can show: graphs, waits of the host, its memory and its random numbers."""

import socket
from collections.abc import Callable
from itertools import chain

import pytest
import torch
from recorded_variants import SOURCES, VARIANTS
from table_model import decode_settings
from torch.backends import cudnn

from attn2seq.batching.batch import make_batch, pad_batch
from attn2seq.decoding import recorded
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.recorded import RecordedSteps
from attn2seq.distributed.ranks import Ranks
from attn2seq.errors import UserError
from attn2seq.model.copying import mix_copies
from attn2seq.model.device import memory_told, moved
from attn2seq.model.drawing import drawing
from attn2seq.model.dropout import dropout
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
    if torch.cuda.get_device_capability(gpu) < (8, 0) or cudnn.version() < 91300:
        pytest.skip("torch uses no cuDNN for these weights here")
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


def test_shares_of_what_is_drawn_make_the_whole(device: torch.device) -> None:
    """Also where positions lie outermost in memory, as they do in what cuDNN's layers give."""
    for x_BTH in (torch.rand(6, 4, 8), torch.rand(4, 6, 8).transpose(0, 1)):
        x_BTH = x_BTH.to(device)
        torch.manual_seed(1)
        whole = dropout(x_BTH, 0.5, True, over_time=False)
        joined = torch.zeros_like(x_BTH)
        for rank in range(4):
            torch.manual_seed(1)
            share = Ranks(rank, 4).share(6)
            assert share is not None
            with drawing(share):
                joined[share.rows] = dropout(x_BTH[share.rows], 0.5, True, over_time=False)
        assert torch.equal(joined, whole)


def test_what_processes_tell_each_other(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients lie on the GPU, a checkpoint does not. NCCL gives each process a GPU of its own, so
    the one here is all of the group, and takes the way of one among two.
    """
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    for name, value in {
        "RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0",
        "GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    ranks = Ranks(0, 2)
    gradient = torch.arange(3.0, device=device)
    loss = torch.tensor(2.5, dtype=torch.float64, device=device)
    with ranks.met(device):
        ranks.add_up([gradient, loss])
        told = ranks.from_first(lambda: {"masters": gradient.cpu(), "random": None})
        assert ranks.agree(7)
    assert gradient.tolist() == [0.0, 1.0, 2.0]
    assert float(loss) == 2.5
    assert torch.equal(told["masters"], gradient.cpu())


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
