"""Some of the source words that the model reads are hidden, so that it leans on the others too."""

from dataclasses import replace

import torch

from attn2seq.batching.batch import Batch
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID


def drop_words(batch: Batch, share: float) -> Batch:
    """The batch with that share of the source's tokens replaced by the unknown token.

    Iyyer et al. 2015, section 2.1, leave words out; here the length stays, and so does what frames
    or fills a sentence.
    """
    if not share:
        return batch
    ids = batch.src_BS
    is_word = (ids != PAD_ID) & (ids != BOS_ID) & (ids != EOS_ID)
    drawn = torch.rand(ids.shape, device=ids.device) < share
    return replace(batch, src_BS=ids.masked_fill(is_word & drawn, UNK_ID))
