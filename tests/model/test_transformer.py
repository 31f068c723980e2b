"""The Transformer equals torch's own layers, and its steps equal the whole sequence."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attn2seq.batching.batch import make_batch
from attn2seq.errors import UserError
from attn2seq.model.attention import MultiHeadAttention
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.model.transformer import DecoderLayer, EncoderLayer, place

MakeModel = Callable[..., Seq2Seq]
MakeSettings = Callable[..., ModelSettings]

ENCODER = {"encoder": "transformer", "encoder_hidden_size": 12, "encoder_layers": 2}
DECODER = {
    "decoder": "transformer", "decoder_hidden_size": 12, "decoder_layers": 2,
    "attention": "multi_head", "attention_heads": 3, "readout_size": 0,
}  # fmt: skip
PAIRS: Mapping[str, Mapping[str, Any]] = {
    "both": ENCODER | DECODER,
    "post-norm": ENCODER | DECODER | {"layer_normalisation": "post"},
    "copying": ENCODER | DECODER | {"copying": True},
    "encoder": ENCODER,
    "encoder, no attention": ENCODER | {"attention": "none"},
    "decoder": DECODER,
    "recurrent mixing": ENCODER | DECODER | {"decoder_mixing": "recurrent"},
    "recurrent mixing, gru": DECODER | {"decoder_mixing": "recurrent", "cell": "gru"},
    **{
        f"encoder, {kind}": ENCODER | {"attention": kind, "attention_heads": 2}
        for kind in ("general", "normalised_additive", "location", "multi_head")
    },
    "encoder, dot": ENCODER | {"attention": "dot", "decoder_hidden_size": 12},
}
SOURCES, TARGETS = [[5, 6, 7, 8], [9], [10, 11]], [[4, 5], [6, 7, 8], [9]]


def torch_layer(ours: nn.Module, kind: type[nn.Module], pre: bool) -> nn.Module:
    """Torch's layer with the weights of ours."""
    theirs = kind(12, 3, 20, dropout=0.0, batch_first=True, norm_first=pre)
    weights = {
        "linear1": ours.inner, "linear2": ours.outer, "norm1": ours.norms[0],
        "norm2": ours.norms[1],
    }  # fmt: skip
    attentions = {"self_attn": ours.self_attention}
    if kind is nn.TransformerDecoderLayer:
        weights["norm3"] = ours.norms[2]
        attentions["multihead_attn"] = ours.source_attention
    with torch.no_grad():
        for name, module in weights.items():
            getattr(theirs, name).load_state_dict(module.state_dict())
        for name, attention in attentions.items():
            their = getattr(theirs, name)
            their.in_proj_weight.copy_(
                torch.cat([attention.query.weight, attention.key_value.weight])
            )
            their.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key_value.bias]))
            their.out_proj.load_state_dict(attention.joined.state_dict())
    return theirs


def shaken(module: nn.Module) -> nn.Module:
    """With no bias at zero and no gain at one, so that each counts."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_encoder_layer_equals_torchs(model_settings: MakeSettings, norm: str) -> None:
    settings = model_settings(**ENCODER | {"attention_heads": 3, "layer_normalisation": norm})
    ours = shaken(EncoderLayer(settings)).train()
    theirs = torch_layer(ours, nn.TransformerEncoderLayer, norm == "pre").train()
    x_BSW = torch.randn(3, 5, 12)
    mask_BS = torch.arange(5) < torch.tensor([[5], [2], [1]])
    expected = theirs(x_BSW, src_key_padding_mask=~mask_BS)
    torch.testing.assert_close(ours(x_BSW, mask_BS)[mask_BS], expected[mask_BS])


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("weighs", [True, False])
def test_a_decoder_layer_equals_torchs(
    model_settings: MakeSettings, norm: str, weighs: bool
) -> None:
    settings = model_settings(**ENCODER | DECODER | {"layer_normalisation": norm})
    ours = shaken(DecoderLayer(settings)).train()
    theirs = torch_layer(ours, nn.TransformerDecoderLayer, norm == "pre").train()
    x_BTW, source_BSW = torch.randn(3, 4, 12), torch.randn(3, 5, 12)
    mask_BS = torch.arange(5) < torch.tensor([[5], [2], [1]])
    expected = theirs(
        x_BTW, source_BSW, tgt_mask=nn.Transformer.generate_square_subsequent_mask(4),
        tgt_is_causal=True, memory_key_padding_mask=~mask_BS,
    )  # fmt: skip
    keys = ours.source_attention.keys(source_BSW)
    found, _, _, weights = ours(x_BTW, (torch.zeros(3, 0, 24),), keys, mask_BS, weighs)
    torch.testing.assert_close(found, expected)
    assert (weights is not None) == weighs


def test_positions_by_the_formula() -> None:
    placed = place(torch.zeros(1, 3, 6), first=200)[0]
    for row, position in enumerate((200, 201, 202)):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            assert placed[row, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert placed[row, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)
    ones = torch.ones(1, 3, 6)
    torch.testing.assert_close(place(ones) - place(torch.zeros(1, 3, 6)), ones * math.sqrt(6))


def test_contexts_without_weights_equal_those_with() -> None:
    torch.manual_seed(1)
    attention = MultiHeadAttention(12, 8, 6, 3).double()
    queries, source = torch.randn(2, 4, 12).double(), torch.randn(2, 5, 8).double()
    mask_BS = torch.arange(5) < torch.tensor([[5], [3]])
    keys = attention.keys(source)
    expected, _ = attention(queries, keys, source, mask_BS)
    found = attention.contexts(queries, keys, mask_BS[:, None, None])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)  # softmax is in float32


@pytest.mark.parametrize("name", PAIRS)
def test_steps_equal_the_whole_sequence(small_model: MakeModel, name: str) -> None:
    model, batch = small_model(**PAIRS[name]), make_batch(SOURCES, TARGETS)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    whole, _ = model.advance(batch.tgt_in_BT, state, encoded)
    for position in range(batch.tgt_in_BT.shape[1]):
        log_probs, weights, state = model.decode_step(batch.tgt_in_BT[:, position], state, encoded)
        at: list[Tensor] = [whole.readout_BTR[:, position]]
        if whole.generate_BT is not None and whole.attn_weights_BTS is not None:
            at += [whole.generate_BT[:, position], whole.attn_weights_BTS[:, position]]
            at += [batch.src_BS]
        torch.testing.assert_close(log_probs, model.log_probs(*at))
        if whole.attn_weights_BTS is not None:
            torch.testing.assert_close(weights, whole.attn_weights_BTS[:, position])


@pytest.mark.parametrize("name", PAIRS)
def test_several_positions_after_others_equal_the_whole(small_model: MakeModel, name: str) -> None:
    model, batch = small_model(**PAIRS[name]), make_batch(SOURCES, TARGETS)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    start = model.initial_state(encoded)
    whole, _ = model.advance(batch.tgt_in_BT, start, encoded)
    _, state = model.advance(batch.tgt_in_BT[:, :2], start, encoded)
    rest, _ = model.advance(batch.tgt_in_BT[:, 2:], state, encoded)
    torch.testing.assert_close(rest.readout_BTR, whole.readout_BTR[:, 2:])


@pytest.mark.parametrize("name", PAIRS)
def test_rows_can_be_selected_between_steps(small_model: MakeModel, name: str) -> None:
    model, batch = small_model(**PAIRS[name]), make_batch(SOURCES, TARGETS)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    tokens = batch.tgt_in_BT
    _, _, state = model.decode_step(tokens[:, 0], state, encoded)
    expected, _, _ = model.decode_step(tokens[:, 1], state, encoded)
    index = torch.tensor([2, 0, 0])
    found, _, _ = model.decode_step(tokens[index, 1], state.select(index), encoded.select(index))
    torch.testing.assert_close(found, expected[index])


@pytest.mark.parametrize("name", PAIRS)
def test_padding_changes_nothing(small_model: MakeModel, name: str) -> None:
    model, batch = small_model(**PAIRS[name]), make_batch(SOURCES, TARGETS)
    together = model(batch).readout_BTR
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(make_batch([source], [target])).readout_BTR[0]
        torch.testing.assert_close(together[row, : len(alone)], alone)


@pytest.mark.parametrize("name", PAIRS)
def test_no_position_sees_those_behind_it(small_model: MakeModel, name: str) -> None:
    model = small_model(**PAIRS[name])
    first = model(make_batch([[5, 6]], [[4, 5, 6, 7]])).readout_BTR
    other = model(make_batch([[5, 6]], [[4, 5, 9, 9]])).readout_BTR
    torch.testing.assert_close(first[:, :3], other[:, :3])
    assert not torch.allclose(first[:, 3:], other[:, 3:])


@pytest.mark.parametrize("name", PAIRS)
def test_every_weight_gets_a_gradient(small_model: MakeModel, name: str) -> None:
    model = small_model(**PAIRS[name] | {"layer_dropout": 0.1, "embedding_dropout": 0.1}).train()
    batch = make_batch(SOURCES, TARGETS)
    decoded = model(batch)
    (decoded.readout_BTR.square().mean() + model.log_probs(decoded.readout_BTR[:, 0]).mean()
     + (0 if decoded.generate_BT is None else decoded.generate_BT.sum())).backward()  # fmt: skip
    # What a key's bias adds to all scores of a query, softmax takes away.
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert not without


@pytest.mark.parametrize("name", ["encoder", "both", "post-norm", "recurrent mixing"])
def test_gradients_are_those_of_finite_differences(small_model: MakeModel, name: str) -> None:
    model = small_model(**PAIRS[name]).double().train()  # without weights that are shown
    batch = make_batch(SOURCES, TARGETS)
    layer = "decoder.layers.0.source_attention.query.weight"
    if name == "encoder":
        layer = "encoder.layers.0.self_attention.query.weight"
    weight = dict(model.named_parameters())[layer].detach().requires_grad_()

    def loss(value: Tensor) -> Tensor:
        readout: Tensor = torch.func.functional_call(model, {layer: value}, (batch,)).readout_BTR
        return readout.square().sum()

    # Recurrent decoders' attention has its softmax in float32, so that steps have to be wide.
    wide = {"eps": 1e-2, "atol": 1e-2, "rtol": 1e-2} if name == "encoder" else {}
    assert torch.autograd.gradcheck(loss, (weight,), **wide)


def test_targets_beyond_any_table_of_positions(small_model: MakeModel) -> None:
    model = small_model(**PAIRS["both"])
    decoded = model(make_batch([[5] * 700], [[6] * 900]))
    assert decoded.readout_BTR.shape[1] == 901
    assert bool(decoded.readout_BTR.isfinite().all())


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        (ENCODER | {"encoder_hidden_size": 16}, "make them equal"),
        (ENCODER | {"attention_heads": 4, "attention_size": 12}, "heads of an even size"),
        (DECODER | {"attention": "additive"}, "set model.attention to multi_head"),
        (DECODER | {"input_feeding": True, "readout_size": 12}, "input_feeding to false"),
        (DECODER | {"context_into": "all_layers"}, "set model.context_into to output"),
        (DECODER | {"readout_size": 12}, "set model.readout_size to 0"),
    ],
)
def test_what_cannot_work_is_refused(
    model_settings: MakeSettings, changes: Mapping[str, Any], remedy: str
) -> None:
    with pytest.raises((UserError, ValueError), match=remedy):
        model_settings(**changes)
