"""The whole model: step by step equals all at once, padding changes nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from attn2seq.batching.batch import make_batch
from attn2seq.model.seq2seq import Seq2Seq, positions
from attn2seq.tokenization.tokenizer import PAD_ID

SOURCES, TARGETS = [[5, 6, 7, 8], [9], [4, 10]], [[11, 12], [13, 14, 15], [16]]
ATTENTIONS = [
    *("none", "dot", "general", "additive", "normalised_additive", "location", "multi_head")
]
DEEP = {"encoder_layers": 2, "decoder_layers": 3, "residual": True}
VARIANTS: list[dict[str, object]] = [
    *({"attention": kind} for kind in ATTENTIONS),
    *({"attention": kind, "input_feeding": True} for kind in ATTENTIONS[1:]),
    *({"attention": kind, "context_into": "first_layer"} for kind in ATTENTIONS[1:]),
    *({"cell": cell} for cell in ("gru", "rnn", "rnn_relu", "layer_norm_lstm", "lrn")),
    DEEP,
    DEEP | {"input_feeding": True, "context_into": "first_layer"},
    DEEP | {"context_into": "all_layers", "readout_from": "state", "bidirectional": "first"},
    DEEP | {"context_into": "all_layers", "coverage": True},
    DEEP | {"context_into": "all_layers", "copying": True},
    DEEP | {"context_into": "all_layers", "input_feeding": True, "cell": "lrn"},
    {"coverage": True},
    {"coverage": True, "attention": "normalised_additive", "context_into": "first_layer"},
    {"copying": True},
    {"copying": True, "attention": "multi_head"},
    {"copying": True, "context_into": "first_layer"},
    {"copying": True, "coverage": True, "input_feeding": True},
    {"readout_from": "context", "readout_size": 0},
    {"bridge": "zero"},
    {"reverse_source": True, "attention": "none"},
    {"bridge": "last"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_step_by_step_equals_the_whole_sequence(
    small_model: Callable[..., Seq2Seq], variant: dict[str, object]
) -> None:
    model = small_model(**variant).double()
    batch = make_batch(SOURCES, TARGETS)
    every = replace(batch, places_N=torch.arange(batch.tgt_in_BT.numel()))  # padding, too
    whole_BTV = model.log_probs(*positions(model(batch), every)).unflatten(0, batch.tgt_in_BT.shape)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    for position in range(batch.tgt_in_BT.shape[1]):
        log_probs, weights, state = model.decode_step(batch.tgt_in_BT[:, position], state, encoded)
        torch.testing.assert_close(log_probs, whole_BTV[:, position])
        if variant.get("attention") == "none":
            assert weights is None
        else:
            assert weights is not None
            assert not weights[~encoded.src_mask_BS].any()
            torch.testing.assert_close(weights.sum(-1), torch.ones(3))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sentence_scores_the_same_alone_and_beside_longer_ones(
    small_model: Callable[..., Seq2Seq], variant: dict[str, object]
) -> None:
    model = small_model(**variant).double()
    together = model(make_batch(SOURCES, TARGETS)).readout_BTR
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(make_batch([source], [target])).readout_BTR[0]
        torch.testing.assert_close(together[row, : len(alone)], alone)


def test_attention_sees_the_source_and_none_only_its_last_state(
    small_model: Callable[..., Seq2Seq],
) -> None:
    batch = make_batch([[5, 6, 7]], [[8, 9]])
    for attention, differs in (("additive", True), ("none", False)):
        model = small_model(attention=attention)
        encoded = model.encode(batch.src_BS, batch.src_lengths_B)
        hidden = encoded.enc_states_BSH.clone()
        hidden[:, 1] += 1.0
        changed = replace(encoded, enc_states_BSH=hidden)
        outcomes = [
            model.decode_step(torch.tensor([4]), model.initial_state(part), part)[0]
            for part in (encoded, changed)
        ]
        assert (not torch.equal(*outcomes)) is differs


def test_input_feeding_reads_the_last_readout(small_model: Callable[..., Seq2Seq]) -> None:
    model = small_model(input_feeding=True)
    batch = make_batch(SOURCES, TARGETS)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    assert state.readout_BR is not None
    other = replace(state, readout_BR=state.readout_BR + 1)
    tokens = torch.tensor([4, 4, 4])
    first, second = (model.decode_step(tokens, part, encoded)[0] for part in (state, other))
    assert not torch.allclose(first, second)


def test_ties_share_weights(small_model: Callable[..., Seq2Seq]) -> None:
    apart, target, every = (small_model(tie_embeddings=kind) for kind in ("none", "target", "all"))
    counts = [sum(p.numel() for p in model.parameters()) for model in (apart, target, every)]
    assert [counts[0] - counts[1], counts[1] - counts[2]] == [20 * 12, 20 * 12]
    assert every.output.weight is every.src_embedding.weight is every.tgt_embedding.weight
    assert target.src_embedding.weight is not target.tgt_embedding.weight


def test_a_reversed_source_is_the_source_reversed(small_model: Callable[..., Seq2Seq]) -> None:
    """Each sentence by its own length, with its end still at the end."""
    backwards = small_model(attention="none", reverse_source=True)
    forwards = small_model(attention="none")
    sources = make_batch(SOURCES, TARGETS)
    turned = make_batch([source[::-1] for source in SOURCES], TARGETS)
    expected = forwards.encode(turned.src_BS, turned.src_lengths_B).final_states
    found = backwards.encode(sources.src_BS, sources.src_lengths_B).final_states
    torch.testing.assert_close(found, expected)
    unturned = forwards.encode(sources.src_BS, sources.src_lengths_B).final_states
    assert not torch.allclose(found[0][0], unturned[0][0])


def test_residual_adds_the_layer_input(small_model: Callable[..., Seq2Seq]) -> None:
    batch = make_batch(SOURCES, TARGETS)
    with_residual = small_model(encoder_layers=2, residual=True)
    without = small_model(encoder_layers=2, residual=False)
    without.load_state_dict(with_residual.state_dict())
    first, _ = with_residual.encoder.layers[0](
        with_residual.src_embedding(batch.src_BS), None, batch.src_lengths_B
    )
    outcomes = [
        model.encode(batch.src_BS, batch.src_lengths_B).enc_states_BSH
        for model in (with_residual, without)
    ]
    torch.testing.assert_close(outcomes[0] - outcomes[1], first)


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize("name", ["embedding_dropout", "layer_dropout", "readout_dropout"])
def test_dropout_acts_in_training_alone(
    small_model: Callable[..., Seq2Seq], name: str, over_time: bool
) -> None:
    model = small_model(**{name: 0.5}, encoder_layers=2, variational_dropout=over_time)
    batch = make_batch(SOURCES, TARGETS)
    first, second = (model(batch).readout_BTR for _ in range(2))
    assert torch.equal(first, second)
    model.train()
    first, second = (model(batch).readout_BTR for _ in range(2))
    assert not torch.equal(first, second)


def test_selecting_rows_reorders_everything(small_model: Callable[..., Seq2Seq]) -> None:
    model = small_model(input_feeding=True)
    batch = make_batch(SOURCES, TARGETS)
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    index = torch.tensor([2, 0, 0])
    tokens = torch.tensor([4, 5, 6])
    _, _, state = model.decode_step(tokens, model.initial_state(encoded), encoded)
    plain, _, _ = model.decode_step(tokens, state, encoded)
    chosen, _, _ = model.decode_step(tokens[index], state.select(index), encoded.select(index))
    torch.testing.assert_close(chosen, plain[index])


def test_the_mask_marks_real_tokens(small_model: Callable[..., Seq2Seq]) -> None:
    batch = make_batch(SOURCES, TARGETS)
    encoded = small_model().encode(batch.src_BS, batch.src_lengths_B)
    assert torch.equal(encoded.src_mask_BS, batch.src_BS != PAD_ID)
    assert encoded.src_mask_BS.sum(1).tolist() == batch.src_lengths_B.tolist()
