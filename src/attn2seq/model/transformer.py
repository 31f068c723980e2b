"""The Transformer: Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762.

Shapes: B batch, S source positions, T target positions, P target positions read before,
W width (units of a layer's states), E embedding (as wide), H encoder state.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from attn2seq.model.attention import MultiHeadAttention, apart, side_by_side
from attn2seq.model.cells import State, past_ends
from attn2seq.model.copying import GenerationSwitch
from attn2seq.model.decoder import Decoded, DecoderState
from attn2seq.model.dropout import dropout
from attn2seq.model.encoder import Encoded
from attn2seq.model.recurrent import RecurrentLayer
from attn2seq.model.settings import ModelSettings

_ROUNDED_UP = 128  # positions: few tables serve all lengths


def place(embedded_BTE: Tensor, first: int = 0) -> Tensor:
    """Embeddings times sqrt(E), plus a code for each position, of which `first` went before.

    Sections 3.4 and 3.5: sin(p / 10000^(2i/E)) in unit 2i, the cosine of the same in 2i + 1. It is
    computed for any position, also for those beyond the longest sentence in training.
    """
    positions, width = embedded_BTE.shape[1:]
    end = first + positions
    table = sinusoids(end + -end % _ROUNDED_UP, width, embedded_BTE.dtype, embedded_BTE.device)
    placed_BTE: Tensor = embedded_BTE * width**0.5 + table[first:end]
    return placed_BTE


@lru_cache(maxsize=16)
def sinusoids(positions: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The codes of the positions from 0 on, one a row; computed in double precision."""
    units = torch.arange(0, width, 2, dtype=torch.float64) / width
    angles = torch.arange(positions, dtype=torch.float64)[:, None] / 10000**units
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(device, dtype)


class Layer(nn.Module):
    """Sublayers, each with a residual connection, dropout and layer normalisation.

    post: norm(x + dropout(sublayer(x))), as published (section 5.4 and 3.1).
    pre: x + dropout(sublayer(norm(x))), which needs less care with the learning rate (Xiong et al.
    2020, arXiv 2002.04745); a last normalisation then follows the last layer.
    """

    def __init__(self, settings: ModelSettings, width: int, sublayers: int) -> None:
        super().__init__()
        self.settings = settings
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(sublayers))
        self.inner = nn.Linear(width, settings.feed_forward_size)
        self.outer = nn.Linear(settings.feed_forward_size, width)

    def before(self, number: int, x_BTW: Tensor) -> Tensor:
        """What sublayer `number` reads."""
        pre = self.settings.layer_normalisation == "pre"
        return self.norms[number](x_BTW) if pre else x_BTW

    def after(self, number: int, x_BTW: Tensor, found_BTW: Tensor) -> Tensor:
        """What goes on from sublayer `number`, which was given x and found this."""
        pre = self.settings.layer_normalisation == "pre"
        joined_BTW = x_BTW + self._dropped(found_BTW)
        return joined_BTW if pre else self.norms[number](joined_BTW)

    def feed_forward(self, number: int, x_BTW: Tensor) -> Tensor:
        """max(0, x W1 + b1) W2 + b2, section 3.3, as sublayer `number`."""
        inner = torch.relu(self.inner(self.before(number, x_BTW)))
        return self.after(number, x_BTW, self.outer(inner))

    def _dropped(self, x_BTW: Tensor) -> Tensor:
        settings = self.settings
        return dropout(x_BTW, settings.layer_dropout, self.training, settings.variational_dropout)


class EncoderLayer(Layer):
    """Self-attention and a feed-forward network."""

    def __init__(self, settings: ModelSettings) -> None:
        width = settings.encoder_hidden_size
        super().__init__(settings, width, sublayers=2)
        self.self_attention = MultiHeadAttention(width, width, width, settings.attention_heads)

    def forward(self, x_BSW: Tensor, src_mask_BS: Tensor) -> Tensor:
        """The states of all source positions."""
        read = self.before(0, x_BSW)
        found = self.self_attention.contexts(
            read, self.self_attention.keys(read), src_mask_BS[:, None, None]
        )
        return self.feed_forward(1, self.after(0, x_BSW, found))


class TransformerEncoder(nn.Module):
    """Layers of self-attention over the source."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(settings) for _ in range(settings.encoder_layers))
        self.norm = last_norm(settings, settings.encoder_hidden_size)
        self.parts = settings.state_parts
        self.apply(initialise)

    def place(self, embedded_BSE: Tensor) -> Tensor:
        """What stands for the embeddings before dropout."""
        return place(embedded_BSE)

    def forward(self, placed_BSE: Tensor, lengths_B: Tensor) -> tuple[Tensor, tuple[State, ...]]:
        """The states `enc_states_BSH`, and what a recurrent decoder may start from: their mean."""
        x_BSW = placed_BSE
        src_mask_BS = ~past_ends(x_BSW, lengths_B.to(x_BSW.device, non_blocking=True)).squeeze(-1)
        for layer in self.layers:
            x_BSW = layer(x_BSW, src_mask_BS)
        enc_states_BSH = self.norm(x_BSW)
        mask_BS1 = src_mask_BS.unsqueeze(-1).to(enc_states_BSH.dtype)
        mean_BH = (enc_states_BSH * mask_BS1).sum(1) / mask_BS1.sum(1)
        return enc_states_BSH, ((mean_BH,) * self.parts,)


class DecoderLayer(Layer):
    """Self-attention over the target so far, attention to the source, a feed-forward network.

    Self-attention may give way to a recurrence, as in Kim et al. 2019 ("From Research to Production
    and Back"): it reads each position once, however long the target.
    """

    def __init__(self, settings: ModelSettings) -> None:
        width = settings.decoder_hidden_size
        super().__init__(settings, width, sublayers=3)
        heads = settings.attention_heads
        self.source_attention = MultiHeadAttention(
            width, settings.enc_size, width, heads, output_size=width
        )
        self.self_attention = self.recurrence = self.recurrence_output = None
        if settings.decoder_mixing == "self_attention":
            self.self_attention = MultiHeadAttention(width, width, width, heads)
        else:
            self.recurrence = RecurrentLayer(settings.cell, width, width, bidirectional=False)
            self.recurrence_output = nn.Linear(width, width)

    def forward(
        self,
        x_BTW: Tensor,
        state: State,
        source_keys_BSA: Tensor,
        src_mask_BS: Tensor,
        weighs: bool,
    ) -> tuple[Tensor, State, Tensor, Tensor | None]:
        """States BTW, the state after the last position, contexts BTW; weights BTS if `weighs`."""
        found, state = self._mix(self.before(0, x_BTW), state)
        x_BTW = self.after(0, x_BTW, found)
        queries, weights = side_by_side(self.before(1, x_BTW), source_keys_BSA), None
        if weighs:
            found, weights = self.source_attention(
                queries, source_keys_BSA, source_keys_BSA, src_mask_BS
            )
            weights = apart(weights, x_BTW)
        else:
            found = self.source_attention.contexts(
                queries, source_keys_BSA, src_mask_BS[:, None, None]
            )
        context = apart(found, x_BTW)
        x_BTW = self.feed_forward(2, self.after(1, x_BTW, context))
        return x_BTW, state, context, weights

    def _mix(self, read_BTW: Tensor, state: State) -> tuple[Tensor, State]:
        """Each position with those before it."""
        if self.self_attention is None:
            assert self.recurrence is not None
            assert self.recurrence_output is not None
            outputs_BTW, state = self.recurrence(read_BTW, state)
            return self.recurrence_output(outputs_BTW), state
        (before_BPA,) = state
        keys = self.self_attention.keys(read_BTW)
        if not before_BPA.shape[1]:
            return self.self_attention.contexts(read_BTW, keys, causal=True), (keys,)
        keys = torch.cat([before_BPA, keys], dim=1)
        positions, seen = read_BTW.shape[1], keys.shape[1]
        mask = torch.ones(positions, seen, dtype=torch.bool, device=keys.device)
        found_BTW = self.self_attention.contexts(read_BTW, keys, mask.tril(seen - positions))
        return found_BTW, (keys,)


class TransformerDecoder(nn.Module):
    """Layers that read the target so far and the source.

    The weights shown are those of the last layer's attention to the source, the mean of its heads.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.decoder_hidden_size
        self.layers = nn.ModuleList(DecoderLayer(settings) for _ in range(settings.decoder_layers))
        self.norm = last_norm(settings, width)
        self.switch = (
            GenerationSwitch(width, width, settings.embedding_size) if settings.copying else None
        )
        self.apply(initialise)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """Keys and values of the source for all layers, side by side: BSA."""
        layers = (layer for layer in self.layers if isinstance(layer, DecoderLayer))
        return torch.cat([each.source_attention.keys(enc_states_BSH) for each in layers], dim=-1)

    def place(self, embedded_BTE: Tensor, state: DecoderState) -> Tensor:
        """What stands for the embeddings before dropout: a recurrence needs no positions."""
        if self.settings.decoder_mixing == "recurrent":
            scaled_BTE: Tensor = embedded_BTE * embedded_BTE.shape[-1] ** 0.5
            return scaled_BTE
        return place(embedded_BTE, first=state.layers[0][0].shape[1])

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The state before the first target token: no keys, or recurrent states of zeros."""
        settings, states_BSH = self.settings, encoded.enc_states_BSH
        batch, width = len(states_BSH), settings.decoder_hidden_size
        if settings.decoder_mixing == "self_attention":
            layer: State = (states_BSH.new_zeros(batch, 0, 2 * width),)
        else:
            layer = (states_BSH.new_zeros(batch, width),) * settings.state_parts
        return DecoderState((layer,) * settings.decoder_layers)

    def forward(
        self, placed_BTE: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Decoded, DecoderState]:
        """What is found at each target position, and the state after the last."""
        assert encoded.keys_BSA is not None
        settings, x_BTW, states = self.settings, placed_BTE, []
        # Training asks for no weights, unless words are copied by them.
        weighs = settings.copying or not self.training
        source_keys = encoded.keys_BSA.chunk(settings.decoder_layers, dim=-1)
        context = weights = None
        for depth, layer in enumerate(self.layers):
            last = depth == settings.decoder_layers - 1
            x_BTW, after, context, weights = layer(
                x_BTW, state.layers[depth], source_keys[depth], encoded.src_mask_BS, weighs and last
            )
            states.append(after)
        readout_BTR = self.norm(x_BTW)
        generate = None if self.switch is None else self.switch(context, readout_BTR, placed_BTE)
        dropped = dropout(
            readout_BTR, settings.readout_dropout, self.training, settings.variational_dropout
        )
        return Decoded(dropped, weights, generate, None), replace(state, layers=tuple(states))


def last_norm(settings: ModelSettings, width: int) -> Callable[[Tensor], Tensor]:
    """What follows the last layer."""
    return nn.LayerNorm(width) if settings.layer_normalisation == "pre" else nn.Identity()


def initialise(module: nn.Module) -> None:
    """Glorot and Bengio 2010: each product keeps the variance of what it reads."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, MultiHeadAttention):
        for projection_AH in module.key_value.weight.data.chunk(2):  # keys and values, each
            nn.init.xavier_uniform_(projection_AH)
