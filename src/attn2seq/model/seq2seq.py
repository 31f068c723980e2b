"""The whole model: source ids in, target distributions out.

Shapes: B batch, S source positions, T target positions, N rows of a step or positions,
E embedding, R readout, V target vocabulary.
"""

import torch
from torch import Tensor, nn

from attn2seq.batching.batch import Batch
from attn2seq.features.settings import FrameSource
from attn2seq.model.attention import side_by_side
from attn2seq.model.cells import past_ends
from attn2seq.model.copying import mix_copies
from attn2seq.model.decoder import Decoded, DecoderState, RecurrentDecoder
from attn2seq.model.dropout import dropout
from attn2seq.model.encoder import Encoded, RecurrentEncoder
from attn2seq.model.front_end import FrontEnd, make_front_end
from attn2seq.model.settings import ModelSettings
from attn2seq.model.transformer import TransformerDecoder, TransformerEncoder
from attn2seq.tokenization.tokenizer import PAD_ID, UNK_ID


class Seq2Seq(nn.Module):
    """An encoder and a decoder, each recurrent or a Transformer, and the attention between them.

    Sutskever et al. 2014 (no attention), Bahdanau et al. 2015, Luong et al. 2015, See et al. 2017,
    Vaswani et al. 2017, Chen et al. 2018 (a Transformer encoder under a recurrent decoder).
    """

    def __init__(
        self,
        settings: ModelSettings,
        src_vocabulary_size: int,
        tgt_vocabulary_size: int,
        source: FrameSource | None = None,
    ) -> None:
        """`source` is given where sources are the frames of recordings, which have no vocabulary:
        its size is then 0, and a front end takes the place of the source embedding.
        """
        super().__init__()
        self.settings, self.source = settings, source
        self.src_vocabulary_size = src_vocabulary_size
        self.tgt_vocabulary_size = tgt_vocabulary_size
        self.tgt_embedding = _embedding(tgt_vocabulary_size, settings.embedding_size)
        self.src_embedding: nn.Embedding | FrontEnd
        if source is not None:
            self.src_embedding = make_front_end(source, settings.embedding_size)
        elif settings.tie_embeddings == "all":
            # One module under two names: a shared weight is saved and updated once.
            self.src_embedding = self.tgt_embedding
        else:
            self.src_embedding = _embedding(src_vocabulary_size, settings.embedding_size)
        self.encoder: RecurrentEncoder | TransformerEncoder = (
            RecurrentEncoder(settings)
            if settings.encoder == "recurrent"
            else TransformerEncoder(settings)
        )
        self.decoder: RecurrentDecoder | TransformerDecoder = (
            RecurrentDecoder(settings)
            if settings.decoder == "recurrent"
            else TransformerDecoder(settings)
        )
        self.output = nn.Linear(settings.output_size, tgt_vocabulary_size)
        if settings.tie_embeddings != "none":
            self.output.weight = self.tgt_embedding.weight
        self.ctc: nn.Linear | None = None  # a layer of training alone (attn2seq.training.ctc)

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
        """The source batch, ready for the decoder; `src_lengths_B` counts eos, on the CPU."""
        if self.settings.reverse_source:
            src_BS = _reversed(src_BS, src_lengths_B)
        if self.source is None:
            embedded_BSE = self.src_embedding(src_BS)
        else:
            embedded_BSE, src_lengths_B = self.src_embedding(
                src_BS.to(self.output.weight.dtype), src_lengths_B
            )
            src_BS = _unknown(embedded_BSE, src_lengths_B)
        embedded_BSE = self._dropped(self.encoder.place(embedded_BSE))
        enc_states_BSH, final_states = self.encoder(embedded_BSE, src_lengths_B)
        keys_BSA = self.decoder.keys(enc_states_BSH)
        return Encoded(src_BS, src_BS != PAD_ID, enc_states_BSH, keys_BSA, final_states)

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The decoder's state before the first target token."""
        return self.decoder.initial_state(encoded)

    def advance(
        self, tokens_BT: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Decoded, DecoderState]:
        """The decoder's way over the given target tokens, and its state after them."""
        decoded: Decoded
        embedded_BTE = self._dropped(self.decoder.place(self.tgt_embedding(tokens_BT), state))
        decoded, state = self.decoder(embedded_BTE, state, encoded)
        return decoded, state

    def decode_step(
        self, tokens_N: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """From the last target token to the next one's distribution.

        `log_probs_NV` (float32), `attn_weights_NS` (None without attention), the next state. N is
        a multiple of the sources in `encoded`: as many hypotheses of each, one after the other.
        """
        decoded, state = self.advance(tokens_N.unsqueeze(1), state, encoded)
        weights = decoded.attn_weights_BTS
        attn_weights_NS = None if weights is None else weights.squeeze(1)
        copies: tuple[Tensor, ...] = ()
        if decoded.generate_BT is not None and weights is not None and attn_weights_NS is not None:
            beside_BKS = side_by_side(weights, encoded.enc_states_BSH)
            src_NS = encoded.src_BS.unsqueeze(1).expand_as(beside_BKS).flatten(0, 1)
            copies = decoded.generate_BT.squeeze(1), attn_weights_NS, src_NS
        log_probs_NV = self.log_probs(decoded.readout_BTR.squeeze(1), *copies)
        return log_probs_NV, attn_weights_NS, state

    def forward(self, batch: Batch) -> Decoded:
        """What the decoder finds at every target position under teacher forcing."""
        return self.teacher_forced(batch, self.encode(batch.src_BS, batch.src_lengths_B))

    def teacher_forced(self, batch: Batch, encoded: Encoded) -> Decoded:
        """The same of a batch whose sources are encoded already."""
        decoded, _ = self.advance(batch.tgt_in_BT, self.initial_state(encoded), encoded)
        return decoded

    def log_probs(self, readout_NR: Tensor, *copies: Tensor) -> Tensor:
        """The next token's distribution at each position, `log_probs_NV` in float32.

        `copies` are `generate_N`, `attn_weights_NS` and `src_NS` of a model that copies.
        """
        log_probs_NV = torch.log_softmax(self.output(readout_NR).float(), dim=-1)
        return mix_copies(log_probs_NV, *copies) if copies else log_probs_NV

    def _dropped(self, embedded_BTE: Tensor) -> Tensor:
        settings = self.settings
        return dropout(
            embedded_BTE,
            settings.embedding_dropout,
            self.training,
            settings.variational_dropout,
        )


def positions(decoded: Decoded, batch: Batch) -> tuple[Tensor, ...]:
    """What `Seq2Seq.log_probs` takes, at the batch's target tokens, sentence by sentence."""
    readout_NR = at_places(decoded.readout_BTR, batch)
    if decoded.generate_BT is None or decoded.attn_weights_BTS is None:
        return (readout_NR,)
    src_NS = batch.src_BS[batch.places_N // batch.tgt_out_BT.shape[1]]
    copied_from = at_places(decoded.attn_weights_BTS, batch), src_NS
    return readout_NR, at_places(decoded.generate_BT, batch), *copied_from


def at_places(values_BT: Tensor, batch: Batch) -> Tensor:
    """The values (B, T, ...) of the batch's target tokens, (N, ...)."""
    return values_BT.flatten(0, 1).index_select(0, batch.places_N)


def _unknown(embedded_BSE: Tensor, lengths_B: Tensor) -> Tensor:
    """Ids for positions that stand for no text: unknown, and padding behind the ends."""
    beyond_BS = past_ends(embedded_BSE, lengths_B.to(embedded_BSE.device, non_blocking=True))
    return torch.where(beyond_BS.squeeze(-1), PAD_ID, UNK_ID)


def _reversed(src_BS: Tensor, src_lengths_B: Tensor) -> Tensor:
    """Each sentence from its last token to its first, eos still behind them."""
    places_S = torch.arange(src_BS.shape[1], device=src_BS.device)
    lengths_B = src_lengths_B.to(src_BS.device, non_blocking=True)
    index_BS = lengths_B.unsqueeze(1) - 2 - places_S
    return src_BS.gather(1, torch.where(index_BS < 0, places_S, index_BS))


def _embedding(vocabulary_size: int, size: int) -> nn.Embedding:
    embedding = nn.Embedding(vocabulary_size, size, padding_idx=PAD_ID)
    # Small enough that a tied output layer starts near the uniform distribution.
    nn.init.normal_(embedding.weight, std=size**-0.5)
    with torch.no_grad():
        embedding.weight[PAD_ID].zero_()
    return embedding
