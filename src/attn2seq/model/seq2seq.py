"""The whole model: source ids in, target distributions out.

Shapes: B batch, S source positions, T target positions, N rows of a step, E embedding,
R readout, V target vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.batching.batch import Batch
from attn2seq.model.decoder import Decoder, DecoderState, Encoded
from attn2seq.model.encoder import Encoder
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import PAD_ID


class Seq2Seq(nn.Module):
    """A recurrent encoder and decoder, with the attention that the settings name.

    Sutskever et al. 2014 (no attention), Bahdanau et al. 2015 and Luong et al. 2015.
    """

    def __init__(
        self, settings: ModelSettings, src_vocabulary_size: int, tgt_vocabulary_size: int
    ) -> None:
        super().__init__()
        self.settings = settings
        self.src_vocabulary_size = src_vocabulary_size
        self.tgt_vocabulary_size = tgt_vocabulary_size
        self.tgt_embedding = _embedding(tgt_vocabulary_size, settings.embedding_size)
        # One module under two names: a shared weight is saved and updated once.
        self.src_embedding = (
            self.tgt_embedding
            if settings.tie_embeddings == "all"
            else _embedding(src_vocabulary_size, settings.embedding_size)
        )
        self.encoder = Encoder(settings)
        self.decoder = Decoder(settings)
        self.output = nn.Linear(settings.readout_size, tgt_vocabulary_size)
        if settings.tie_embeddings != "none":
            self.output.weight = self.tgt_embedding.weight

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
        """The source batch, ready for the decoder; `src_lengths_B` counts eos, on the CPU."""
        embedded_BSE = self._embed(self.src_embedding, src_BS)
        enc_states_BSH, final_states = self.encoder(embedded_BSE, src_lengths_B)
        attention = self.decoder.attention
        keys_BSA = None if attention is None else attention.keys(enc_states_BSH)
        return Encoded(enc_states_BSH, keys_BSA, src_BS != PAD_ID, final_states)

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The decoder's state before the first target token."""
        return self.decoder.initial_state(encoded)

    def decode_step(
        self, tokens_N: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """From the last target token to the next one's distribution.

        `log_probs_NV` (float32), `attn_weights_NS` (None without attention), the next state.
        """
        embedded_N1E = self._embed(self.tgt_embedding, tokens_N.unsqueeze(1))
        readout_N1R, attn_weights_N1S, state = self.decoder(embedded_N1E, state, encoded)
        log_probs_NV = torch.log_softmax(self.output(readout_N1R.squeeze(1)).float(), dim=-1)
        weights = None if attn_weights_N1S is None else attn_weights_N1S.squeeze(1)
        return log_probs_NV, weights, state

    def forward(self, batch: Batch) -> Tensor:
        """Readouts `readout_BTR` of every target position under teacher forcing."""
        encoded = self.encode(batch.src_BS, batch.src_lengths_B)
        embedded_BTE = self._embed(self.tgt_embedding, batch.tgt_in_BT)
        readout_BTR: Tensor
        readout_BTR, _, _ = self.decoder(embedded_BTE, self.initial_state(encoded), encoded)
        return readout_BTR

    def _embed(self, embedding: nn.Embedding, ids: Tensor) -> Tensor:
        return F.dropout(embedding(ids), self.settings.dropout, self.training)


def _embedding(vocabulary_size: int, size: int) -> nn.Embedding:
    embedding = nn.Embedding(vocabulary_size, size, padding_idx=PAD_ID)
    # Small enough that a tied output layer starts near the uniform distribution.
    nn.init.normal_(embedding.weight, std=size**-0.5)
    with torch.no_grad():
        embedding.weight[PAD_ID].zero_()
    return embedding
