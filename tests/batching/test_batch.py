import torch

from attn2seq.batching.batch import make_batch, pad_batch
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID


def test_pairs_stand_between_bos_and_eos() -> None:
    batch = make_batch([[5, 6], [7]], [[8], [9, 10]])
    assert batch.src_BS.tolist() == [[5, 6, EOS_ID], [7, EOS_ID, PAD_ID]]
    assert batch.src_lengths_B.tolist() == [3, 2]
    assert batch.tgt_in_BT.tolist() == [[BOS_ID, 8, PAD_ID], [BOS_ID, 9, 10]]
    assert batch.tgt_out_BT.tolist() == [[8, EOS_ID, PAD_ID], [9, 10, EOS_ID]]
    assert batch.src_BS.dtype == torch.int64
    assert batch.tgt_out_BT.flatten()[batch.places_N].tolist() == [8, EOS_ID, 9, 10, EOS_ID]
    assert batch.tokens == 5


def test_an_empty_source_is_eos_alone() -> None:
    src_BS, lengths_B = pad_batch([[], [4, 4]])
    assert src_BS.tolist() == [[EOS_ID, PAD_ID, PAD_ID], [4, 4, EOS_ID]]
    assert lengths_B.tolist() == [1, 3]
