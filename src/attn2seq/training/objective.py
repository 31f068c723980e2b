"""What a training step minimises on a batch, penalties of the weights apart."""

from torch import Tensor

from attn2seq.batching.batch import Batch
from attn2seq.model.seq2seq import Seq2Seq, positions
from attn2seq.training.loss import sequence_loss
from attn2seq.training.r_drop import divergence
from attn2seq.training.scheduled_sampling import sample_inputs, sampled_share
from attn2seq.training.settings import TrainSettings
from attn2seq.training.word_dropout import drop_words


def batch_loss(model: Seq2Seq, batch: Batch, settings: TrainSettings, step: int) -> Tensor:
    """The loss of all target tokens, summed; `step` counts optimizer steps from 1."""
    share = sampled_share(settings, step)
    if share:
        batch = sample_inputs(model, batch, share)
    # Only what the model reads is hidden: a word that it copies is the source's own.
    read = drop_words(batch, settings.src_word_dropout)
    decoded = model(read)
    smoothing, coverage = settings.label_smoothing, settings.coverage_loss
    loss = sequence_loss(model, decoded, batch, smoothing, coverage).smoothed
    if not settings.r_drop:
        return loss
    # Half of Eq. 4 in Liang et al. 2021, so that the rate and the clipping keep their meaning.
    again = model(read)
    loss = loss + sequence_loss(model, again, batch, smoothing, coverage).smoothed
    passes = (positions(each, batch) for each in (decoded, again))
    return (loss + settings.r_drop * divergence(model, *passes)) / 2
