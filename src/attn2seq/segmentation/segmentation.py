"""The training pairs of each epoch: as the tokenize stage left them, or cut anew each time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from attn2seq.batching.batch import Pairs
from attn2seq.errors import UserError
from attn2seq.segmentation.bpe_dropout import BpeDropout
from attn2seq.segmentation.nbest_sampling import NbestSampling
from attn2seq.segmentation.resampled import ResampledPairs, Sampler
from attn2seq.segmentation.settings import SegmentationSettings
from attn2seq.tokenization.tokenizer import Tokenizer


@contextmanager
def pairs_of_epochs(
    pairs: Pairs,
    tokenizers: Mapping[str, Tokenizer],
    settings: SegmentationSettings,
    seed: int,
    max_tokens: int,
    max_epochs: int,
    say: Callable[[str], None],
) -> Iterator[Callable[[int], Pairs]]:
    """Gives the training pairs of an epoch, counted from 0, for the length of a `with` block.

    `tokenizers` has that of each side, `src` and `tgt`; a text that has more than `max_tokens`
    tokens once it is segmented anew stays as it was. Raises UserError where no side has a
    vocabulary of the kind that the settings need.
    """
    samplers: dict[str, Sampler] = {}
    if settings.subword_nbest:
        for side in _sides(tokenizers, "unigram", "subword_nbest", settings.subword_nbest):
            samplers[side] = NbestSampling(
                tokenizers[side], settings.subword_nbest, settings.subword_alpha
            )
            say(f"{side} is re-segmented in each epoch, by subword regularisation")
    if settings.bpe_dropout:
        for side in _sides(tokenizers, "bpe", "bpe_dropout", settings.bpe_dropout):
            samplers[side] = BpeDropout(tokenizers[side], settings.bpe_dropout)
            say(f"{side} is re-segmented in each epoch, by BPE dropout")
    if not samplers:
        yield lambda epoch: pairs
        return
    with ResampledPairs(pairs, samplers, seed, max_tokens, max_epochs) as resampled:
        yield resampled


def _sides(
    tokenizers: Mapping[str, Tokenizer], model_type: str, key: str, value: float
) -> list[str]:
    """The sides whose vocabulary is of that kind. Raises UserError where none is."""
    sides = [side for side, known in tokenizers.items() if known.model_type == model_type]
    if not sides:
        raise UserError(
            f"train.{key} is {value}, which needs a {model_type} vocabulary on one side at least: "
            f"set tokenize.model_type to {model_type}, or train.{key} to 0"
        )
    return sides
