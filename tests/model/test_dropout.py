"""Dropout of each unit on its own, and the masks that hold for a whole sentence."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import make_batch
from attn2seq.model.dropout import dropout, step_mask
from attn2seq.model.seq2seq import Seq2Seq

RATE = 0.4


@pytest.mark.parametrize("rate", [0.001, 0.2, 0.5, 0.999])
def test_apart_each_unit_is_dropped_on_its_own(rate: float) -> None:
    torch.manual_seed(1)
    lost = dropout(torch.ones(40, 50, 301), rate, training=True, over_time=False) == 0
    spread = (rate * (1 - rate) / lost.numel()) ** 0.5
    assert lost.float().mean().item() == pytest.approx(rate, abs=5 * spread)
    # Neighbours share a random word of 64 bits.
    for apart in range(1, 5):
        both = (lost[..., apart:] & lost[..., :-apart]).float().mean().item()
        assert both == pytest.approx(rate**2, abs=5 * rate * spread + 1e-4)


def test_apart_it_repeats_from_the_same_seed() -> None:
    x = torch.randn(3, 4, 8)
    torch.manual_seed(1)
    first = dropout(x, RATE, training=True, over_time=False)
    assert not torch.equal(dropout(x, RATE, training=True, over_time=False), first)
    torch.manual_seed(1)
    assert torch.equal(dropout(x, RATE, training=True, over_time=False), first)


def test_over_time_a_sentence_loses_the_same_units_everywhere() -> None:
    torch.manual_seed(1)
    x = torch.randn(3, 5, 200)
    lost = dropout(x, RATE, training=True, over_time=True) == 0
    assert torch.equal(lost, lost[:, :1].expand_as(lost))
    sentences = [lost[row, 0].tolist() for row in range(3)]
    assert sentences[0] != sentences[1] != sentences[2]
    assert lost.float().mean().item() == pytest.approx(RATE, abs=0.05)


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_is_scaled_up(dtype: torch.dtype, over_time: bool) -> None:
    x = torch.randn(3, 5, 20).to(dtype)
    dropped = dropout(x, 0.75, training=True, over_time=over_time)
    kept = dropped != 0
    assert dropped.dtype == dtype
    assert kept.any()
    assert torch.equal(dropped[kept], (4 * x)[kept])


def test_a_step_mask_is_the_mask_of_the_whole_sentence() -> None:
    x = torch.randn(3, 5, 20)
    torch.manual_seed(1)
    whole = dropout(x, RATE, training=True, over_time=True)
    torch.manual_seed(1)
    mask = step_mask(x[:, 0], RATE, training=True)
    assert mask is not None
    assert torch.equal(torch.stack([x[:, t] * mask for t in range(5)], 1), whole)


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize(("rate", "training"), [(0.4, False), (0.0, True)])
def test_where_nothing_is_dropped(rate: float, training: bool, over_time: bool) -> None:
    x = torch.randn(3, 4, 8)
    assert torch.equal(dropout(x, rate, training, over_time), x)
    assert step_mask(x[:, 0], rate, training) is None


@pytest.mark.parametrize("over_time", [False, True])
def test_gradients_pass_through_the_kept_units_alone(over_time: bool) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 3, 10, requires_grad=True)
    dropped = dropout(x, 0.5, training=True, over_time=over_time)
    dropped.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.where(dropped == 0, 0.0, 2.0))


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize(
    "way", [{}, {"input_feeding": True}, {"coverage": True}, {"context_into": "first_layer"}]
)
def test_a_variational_model_drops_the_same_units_of_embeddings_and_readouts_at_all_positions(
    small_model: Callable[..., Seq2Seq], way: dict[str, object], over_time: bool
) -> None:
    """Whether its decoder goes over all positions at once or from one to the next."""
    model = small_model(
        embedding_dropout=RATE, readout_dropout=RATE, variational_dropout=over_time, **way
    ).train()
    embedded: list[Tensor] = []
    for reader in (model.encoder, model.decoder):
        reader.register_forward_pre_hook(lambda _, inputs: embedded.append(inputs[0]))
    sources = [[5, 6, 7, 8], [9, 10, 11, 12], [4, 5, 6, 7]]
    batch = make_batch(sources, [[11, 12, 13], [14, 15, 16], [17, 18, 19]])
    for dropped in (model(batch).readout_BTR, *embedded):
        lost = dropped == 0
        assert lost.any()
        assert not lost.all()
        assert torch.equal(lost, lost[:, :1].expand_as(lost)) is over_time
        assert not torch.equal(lost, lost[:1].expand_as(lost))
