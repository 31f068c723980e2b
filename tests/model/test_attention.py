"""Each score against its equation with loops in float64; weights, masks, gradients."""

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from attn2seq.model.attention import Attention, LocationAttention, attend, make_attention
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]
KINDS = ["dot", "general", "additive", "normalised_additive", "location", "multi_head"]
SCORED = KINDS[:-1]


def attention_of(make: MakeSettings, kind: str, **changes: object) -> Attention:
    torch.manual_seed(2)
    attention = make_attention(make(attention=kind, **changes))
    assert attention is not None
    return attention.double()


def plain_score(kind: str, attention: Attention, q: Tensor, h: Tensor, place: int) -> Tensor:
    """The papers' equations for one pair of positions."""
    w = dict(attention.named_parameters())
    if kind == "dot":
        return sum((a * b for a, b in zip(q, h, strict=True)), torch.zeros(()).double())
    if kind == "general":
        return q @ (w["key.weight"] @ h)
    if kind == "location":
        return w["place.weight"][place] @ q + w["place.bias"][place]
    hidden = torch.tanh(w["query.weight"] @ q + w["key.weight"] @ h + w["key.bias"])
    v = w["energy.weight"][0]
    return (w["gain"] * v / v.square().sum().sqrt() if "gain" in w else v) @ hidden


@pytest.mark.parametrize("kind", SCORED)
def test_scores_equal_the_equation(model_settings: MakeSettings, kind: str) -> None:
    attention = attention_of(model_settings, kind)
    queries, states = torch.randn(2, 3, 16).double(), torch.randn(2, 4, 16).double()
    scores = attention.scores(queries, attention.keys(states))
    for b in range(2):
        for t in range(3):
            for s in range(4):
                expected = plain_score(kind, attention, queries[b, t], states[b, s], s)
                # The gain of weight normalisation is taken in float32 whatever the number type.
                torch.testing.assert_close(scores[b, t, s], expected, rtol=1e-6, atol=1e-6)


def test_attending_by_hand() -> None:
    scores = torch.tensor([[[0.0, torch.log(torch.tensor(3.0)).item(), 5.0]]])
    states = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    context, weights = attend(scores, states, torch.tensor([[True, True, False]]))
    # exp(0) : exp(ln 3) = 1 : 3, and the third position is padding
    torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context, torch.tensor([[[0.25, 0.75]]]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_padding_changes_nothing(model_settings: MakeSettings, kind: str) -> None:
    attention = attention_of(model_settings, kind)
    queries, states = torch.randn(1, 2, 16).double(), torch.randn(1, 5, 16).double()
    mask = torch.tensor([[True, True, True, False, False]])
    other = states.clone()
    other[:, 3:] = 1e3
    results = [attention(queries, attention.keys(part), part, mask) for part in (states, other)]
    torch.testing.assert_close(results[0], results[1])
    assert not results[0][1][..., 3:].any()
    torch.testing.assert_close(results[0][1].sum(-1), torch.ones(1, 2), check_dtype=False)
    alone = attention(queries, attention.keys(states[:, :3]), states[:, :3], mask[:, :3])
    torch.testing.assert_close(alone[0], results[0][0])


@pytest.mark.parametrize("kind", SCORED)
def test_gradients(model_settings: MakeSettings, kind: str) -> None:
    attention = attention_of(model_settings, kind)
    queries = torch.randn(1, 2, 16).double().requires_grad_()
    states = torch.randn(1, 3, 16).double().requires_grad_()

    def scores(q: Tensor, h: Tensor) -> Tensor:
        return attention.scores(q, attention.keys(h))

    assert torch.autograd.gradcheck(scores, (queries, states))


def test_location_aware_scores_equal_the_equation(model_settings: MakeSettings) -> None:
    """e_j = v . tanh(W q + V h_j + U f_j + b), f = F * a: Eq. 8 and 9 in Chorowski et al. 2015."""
    attention = attention_of(model_settings, "location_aware")
    w = dict(attention.named_parameters())
    # Two hypotheses of a sentence, each with weights of its own.
    q, h, a = torch.randn(1, 2, 16).double(), torch.randn(1, 60, 16).double(), torch.rand(1, 2, 60)
    found = attention.scores(q, attention.keys(h), a.double())[0, 1]
    filters, reach = w["filters.weight"][:, 0], w["filters.weight"].shape[2] // 2
    for j in range(60):
        f = torch.zeros(len(filters)).double()
        for k, row in enumerate(filters):
            for place, weight in enumerate(row):
                at = j + place - reach
                if 0 <= at < 60:
                    f[k] += weight * a[0, 1, at]
        hidden = w["query.weight"] @ q[0, 1] + w["key.weight"] @ h[0, j] + w["key.bias"]
        expected = w["energy.weight"][0] @ torch.tanh(hidden + w["location.weight"] @ f)
        torch.testing.assert_close(found[j], expected)


class Whole(nn.Module):
    """All that a kind computes of a source and queries, three places and one of padding."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, queries: Tensor, states: Tensor, looked: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
        found: tuple[Tensor, Tensor] = self.attention(
            queries, self.attention.keys(states), states, mask, looked
        )
        return found


@pytest.mark.parametrize(
    ("kind", "coverage"),
    [*((kind, False) for kind in KINDS), ("additive", True), ("normalised_additive", True)],
)
def test_gradients_of_contexts_and_weights(
    model_settings: MakeSettings, kind: str, coverage: bool
) -> None:
    """To queries, states, coverage and all weights, by differences; the softmax is in float32."""
    sizes = {"encoder_hidden_size": 2, "decoder_hidden_size": 4, "attention_size": 4}
    whole = Whole(attention_of(model_settings, kind, coverage=coverage, **sizes))
    if coverage:  # which starts at zero, where no coverage would have a gradient
        nn.init.normal_(whole.get_parameter("attention.coverage.weight"))
    names = [name for name, _ in whole.named_parameters()]
    weights = [weight.detach().requires_grad_() for weight in whole.parameters()]
    queries, states = torch.randn(2, 2, 4).double(), torch.randn(2, 4, 4).double()
    looked = torch.rand(2, 2, 4).double().requires_grad_(coverage)

    def found(q: Tensor, h: Tensor, c: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        weights = dict(zip(names, values, strict=True))
        context, attended = functional_call(whole, weights, (q, h, c))
        return context, attended.double()

    inputs = (queries.requires_grad_(), states.requires_grad_(), looked, *weights)
    assert torch.autograd.gradcheck(found, inputs, eps=1e-3, atol=1e-3, rtol=1e-2)


def test_the_settings_say_how_many_places_location_attention_sees(
    model_settings: MakeSettings,
) -> None:
    attention = attention_of(model_settings, "location", location_positions=3)
    queries, states = torch.randn(1, 2, 16).double(), torch.randn(1, 5, 16).double()
    _, weights = attention(queries, states, states, torch.ones(1, 5, dtype=torch.bool))
    assert (weights > 0).tolist() == [[[True] * 3 + [False] * 2] * 2]


def test_a_gain_learns_apart_from_its_direction(model_settings: MakeSettings) -> None:
    """The score's size does not depend on that of v, only on g; it starts as the plain score."""
    attention = attention_of(model_settings, "normalised_additive", attention_size=16)
    queries, states = torch.randn(1, 2, 16).double(), torch.randn(1, 3, 16).double()
    before = attention.scores(queries, attention.keys(states))
    plain = attention_of(model_settings, "additive", attention_size=16)
    plain.load_state_dict(attention.state_dict(), strict=False)
    alike = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-6)  # the gain is of float32
    alike(plain.scores(queries, plain.keys(states)), before)
    with torch.no_grad():
        attention.get_parameter("energy.weight").mul_(7)
        alike(attention.scores(queries, attention.keys(states)), before)
        attention.get_parameter("gain").mul_(7)
        alike(attention.scores(queries, attention.keys(states)), 7 * before)


def test_location_looks_at_places_alone_and_at_none_beyond_its_last() -> None:
    attention = LocationAttention(4, positions=3)
    queries, mask = torch.randn(1, 2, 4), torch.ones(1, 5, dtype=torch.bool)
    found = [attention(queries, states, states, mask) for states in torch.randn(2, 1, 5, 4)]
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[1][0])
    assert (found[0][1][..., :3] > 0).all()
    assert not found[0][1][..., 3:].any()
    short = torch.randn(1, 2, 4)
    weights = attention(queries, short, short, mask[:, :2])[1]
    expected = torch.softmax(attention.place(queries)[..., :2], -1)
    torch.testing.assert_close(weights, expected)


def test_heads_equal_torchs_own(model_settings: MakeSettings) -> None:
    """torch.nn.MultiheadAttention with the same weights, keys and values being the states."""
    attention = attention_of(model_settings, "multi_head", attention_size=16, attention_heads=4)
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True).double()
    w = dict(attention.named_parameters())
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w["query.weight"], w["key_value.weight"]]))
        theirs.in_proj_bias.copy_(torch.cat([w["query.bias"], w["key_value.bias"]]))
        theirs.out_proj.weight.copy_(w["joined.weight"])
        theirs.out_proj.bias.copy_(w["joined.bias"])
    queries, states = torch.randn(3, 2, 16).double(), torch.randn(3, 5, 16).double()
    mask = torch.arange(5) < torch.tensor([[5], [2], [4]])
    expected, expected_weights = theirs(queries, states, states, key_padding_mask=~mask)
    context, weights = attention(queries, attention.keys(states), states, mask)
    torch.testing.assert_close(context, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weights.double(), expected_weights, rtol=1e-5, atol=1e-6)


def test_coverage_enters_the_score_as_one_more_input(model_settings: MakeSettings) -> None:
    attention = attention_of(model_settings, "additive", coverage=True)
    assert not attention.get_parameter("coverage.weight").any()  # what it is worth is learnt
    nn.init.normal_(attention.get_parameter("coverage.weight"))
    queries, states = torch.randn(2, 3, 16).double(), torch.randn(2, 4, 16).double()
    coverage = torch.rand(2, 3, 4)
    scores = attention.scores(queries, attention.keys(states), coverage)
    w = dict(attention.named_parameters())
    for b, t, s in product(range(2), range(3), range(4)):
        inner = w["query.weight"] @ queries[b, t] + w["key.weight"] @ states[b, s]
        inner = inner + w["key.bias"] + w["coverage.weight"][:, 0] * coverage[b, t, s].double()
        torch.testing.assert_close(scores[b, t, s], w["energy.weight"][0] @ torch.tanh(inner))


@pytest.mark.parametrize("kind", ["additive", "normalised_additive", "multi_head"])
def test_the_settings_say_how_many_units_the_scores_have(
    model_settings: MakeSettings, kind: str
) -> None:
    attention = attention_of(model_settings, kind, attention_size=6, decoder_hidden_size=8)
    assert attention.get_parameter("query.weight").shape == (6, 8)


def test_none_is_none(model_settings: MakeSettings) -> None:
    assert make_attention(model_settings(attention="none")) is None
