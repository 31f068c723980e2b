"""Some of the words that the model reads are hidden, so that it leans on the others too."""

from dataclasses import replace

import torch
from torch import Tensor

from attn2seq.batching.batch import Batch
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID


def drop_words(batch: Batch, src_share: float, tgt_share: float) -> Batch:
    """The batch with that share of each side's input tokens replaced by the unknown token.

    Section 5.1.2 in Bowman et al. 2016 has it for the decoder. What frames or fills a sentence
    stays, and so do the targets.
    """
    return replace(
        batch,
        src_BS=_dropped(batch.src_BS, src_share),
        tgt_in_BT=_dropped(batch.tgt_in_BT, tgt_share),
    )


def _dropped(ids: Tensor, share: float) -> Tensor:
    if not share:
        return ids
    is_word = (ids != PAD_ID) & (ids != BOS_ID) & (ids != EOS_ID)
    drawn = torch.rand(ids.shape, device=ids.device) < share
    return ids.masked_fill(is_word & drawn, UNK_ID)
