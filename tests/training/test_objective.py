"""What a step minimises, as the settings weigh it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import PAD_ID, UNK_ID
from attn2seq.training.objective import batch_loss
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]


@pytest.fixture
def batch() -> Batch:
    return make_batch([[5, 6, 7], [8]], [[9, 10], [11, 12, 13]])


def test_repeated_looks_cost_the_weight_that_is_set(
    small_model: Callable[..., Seq2Seq], train_settings: Make, batch: Batch
) -> None:
    """Eq. 13 in See et al. 2017."""
    model = small_model(coverage=True)
    repeated = model(batch).repeated_BT[batch.tgt_out_BT != PAD_ID].sum()
    with_it, without = (
        batch_loss(model, batch, train_settings(coverage_loss=weight), step=1)
        for weight in (2.0, 0.0)
    )
    assert float(repeated.detach()) > 0.1
    torch.testing.assert_close(with_it - without, 2 * repeated)


def copying_alone(small_model: Callable[..., Seq2Seq]) -> Seq2Seq:
    """A model that makes up no word, in training."""
    model = small_model(copying=True).train()
    assert model.decoder.switch is not None
    with torch.no_grad():
        model.decoder.switch.linear.bias.fill_(-1e4)
    return model


def test_a_hidden_word_is_copied_as_itself(
    small_model: Callable[..., Seq2Seq], train_settings: Make
) -> None:
    """A source that is hidden to the model is copied all the same."""
    model = copying_alone(small_model)
    batch = make_batch([[5, 6, 5]], [[5]])
    hidden = replace(batch, src_BS=batch.src_BS.masked_fill(batch.src_BS > 4, UNK_ID))
    weights_TS = model(hidden).attn_weights_BTS[0]
    # The word stands at the first and the third place, the end at the last.
    expected = -(weights_TS[0, [0, 2]].sum().log() + weights_TS[1, 3].log())
    almost_all = train_settings(src_word_dropout=1 - 1e-9)
    torch.testing.assert_close(batch_loss(model, batch, almost_all, step=1), expected)


def test_a_copied_word_that_is_drawn_as_an_input_is_the_source_s_own(
    small_model: Callable[..., Seq2Seq], train_settings: Make
) -> None:
    """Scheduled sampling predicts without dropout of any kind."""
    model = copying_alone(small_model)
    sources: list[Tensor] = []
    inputs: list[Tensor] = []
    for embedding, read in ((model.src_embedding, sources), (model.tgt_embedding, inputs)):
        embedding.register_forward_pre_hook(lambda _, args, read=read: read.append(args[0]))
    settings = train_settings(
        src_word_dropout=1 - 1e-9, scheduled_sampling=1.0, scheduled_sampling_steps=1
    )
    batch_loss(model, make_batch([[5, 6, 7]], [[8] * 9]), settings, step=5)
    # After all steps of the sampling, the pass that is trained.
    assert sources[-1].tolist() == [[UNK_ID] * 3 + [3]]
    assert set(inputs[-1][0, 1:].tolist()) <= {3, 5, 6, 7}
