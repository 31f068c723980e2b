"""The whole model: step by step equals all at once, padding changes nothing."""

from collections.abc import Callable
from itertools import product

import pytest
import torch

from attn2seq.batching.batch import make_batch
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import PAD_ID

SOURCES, TARGETS = [[5, 6, 7, 8], [9], [4, 10]], [[11, 12], [13, 14, 15], [16]]
VARIANTS = [
    {"cell": cell, "attention": attention, "input_feeding": feeding}
    for cell, attention, feeding in product(
        ["lstm", "gru", "rnn"], ["none", "additive", "dot", "general"], [False, True]
    )
    if not (attention == "none" and feeding)
]
DEEP = {"encoder_layers": 2, "decoder_layers": 3, "residual": True}


@pytest.mark.parametrize("variant", [*VARIANTS, DEEP, DEEP | {"input_feeding": True}])
def test_step_by_step_equals_the_whole_sequence(
    small_model: Callable[..., Seq2Seq], variant: dict[str, object]
) -> None:
    model = small_model(**variant).double()
    batch = make_batch(SOURCES, TARGETS)
    whole_BTV = torch.log_softmax(model.output(model(batch)).float(), -1)
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
    together = model(make_batch(SOURCES, TARGETS))
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(make_batch([source], [target]))[0]
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
        changed = type(encoded)(hidden, encoded.keys_BSA, encoded.src_mask_BS, encoded.final_states)
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
    other = type(state)(state.layers, state.readout_BR + 1)
    tokens = torch.tensor([4, 4, 4])
    first, second = (model.decode_step(tokens, part, encoded)[0] for part in (state, other))
    assert not torch.allclose(first, second)


def test_ties_share_weights(small_model: Callable[..., Seq2Seq]) -> None:
    apart, target, every = (small_model(tie_embeddings=kind) for kind in ("none", "target", "all"))
    counts = [sum(p.numel() for p in model.parameters()) for model in (apart, target, every)]
    assert [counts[0] - counts[1], counts[1] - counts[2]] == [20 * 12, 20 * 12]
    assert every.output.weight is every.src_embedding.weight is every.tgt_embedding.weight
    assert target.src_embedding.weight is not target.tgt_embedding.weight


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


def test_dropout_acts_in_training_alone(small_model: Callable[..., Seq2Seq]) -> None:
    model = small_model(dropout=0.5)
    batch = make_batch(SOURCES, TARGETS)
    assert torch.equal(model(batch), model(batch))
    model.train()
    assert not torch.equal(model(batch), model(batch))


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
