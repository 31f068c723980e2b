"""The decoder: target tokens one after the other, looking back at the source.

Shapes: B batch, T target positions, S source positions, E embedding, H encoder state,
D decoder units, A attention units, R readout.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.model.attention import attend, make_attention
from attn2seq.model.recurrent import RecurrentLayer, State
from attn2seq.model.settings import ModelSettings


@dataclass(frozen=True)
class Encoded:
    """An encoded source batch: all that the decoder knows of it."""

    enc_states_BSH: Tensor
    keys_BSA: Tensor | None  # projected states for the attention; None without attention
    src_mask_BS: Tensor  # bool, True where a real token stands
    final_states: tuple[State, ...]  # of each encoder layer

    def select(self, index_N: Tensor) -> "Encoded":
        """The sentences at `index_N`, in that order, repeats allowed."""
        return Encoded(
            self.enc_states_BSH[index_N],
            None if self.keys_BSA is None else self.keys_BSA[index_N],
            self.src_mask_BS[index_N],
            _select_states(self.final_states, index_N),
        )


@dataclass(frozen=True)
class DecoderState:
    """What one decoder step hands to the next."""

    layers: tuple[State, ...]  # one state a layer, each part BD
    readout_BR: Tensor | None  # the last readout, where input feeding is on

    def select(self, index_N: Tensor) -> "DecoderState":
        """The sentences at `index_N`, in that order, repeats allowed."""
        readout = None if self.readout_BR is None else self.readout_BR[index_N]
        return DecoderState(_select_states(self.layers, index_N), readout)


class Bridge(nn.Module):
    """Decoder start states from the encoder's final ones: h through a tanh layer, c linearly.

    Section A.2.2 in Bahdanau et al. 2015 has s_0 = tanh(W h). A decoder layer starts from the
    encoder layer of its depth, or from the last where the decoder is deeper.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        sizes = [(settings.enc_size, settings.decoder_hidden_size)] * settings.decoder_layers
        self.hidden = nn.ModuleList(nn.Linear(*size) for size in sizes)
        has_memory = settings.cell == "lstm"
        self.memory = nn.ModuleList(nn.Linear(*size) for size in sizes if has_memory)

    def forward(self, final_states: tuple[State, ...]) -> tuple[State, ...]:
        """One start state a decoder layer."""
        starts = []
        for depth, hidden in enumerate(self.hidden):
            final = final_states[min(depth, len(final_states) - 1)]
            start = [torch.tanh(hidden(final[0]))]
            if self.memory:
                start.append(self.memory[depth](final[1]))
            starts.append(tuple(start))
        return tuple(starts)


class Decoder(nn.Module):
    """Recurrent layers, attention over the encoder states, and a readout that joins the two.

    readout = tanh(W [output; context]): Eq. 5 in Luong et al. 2015; without attention
    tanh(W output). Without input feeding no step depends on the attention of another, so all
    target positions go through each layer in one call.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.input_feeding = settings.input_feeding
        self.residual = settings.residual
        self.dropout = settings.dropout
        hidden_size, readout_size = settings.decoder_hidden_size, settings.readout_size
        first = settings.embedding_size + (readout_size if settings.input_feeding else 0)
        sizes = [first] + [hidden_size] * (settings.decoder_layers - 1)
        self.bridge = Bridge(settings)
        self.layers = nn.ModuleList(
            RecurrentLayer(settings.cell, size, hidden_size, bidirectional=False) for size in sizes
        )
        self.attention = make_attention(settings)
        context_size = settings.enc_size if self.attention is not None else 0
        self.readout = nn.Linear(hidden_size + context_size, readout_size)

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The state before the first target token."""
        layers = self.bridge(encoded.final_states)
        if not self.input_feeding:
            return DecoderState(layers, None)
        batch_size = encoded.enc_states_BSH.shape[0]
        return DecoderState(
            layers, encoded.enc_states_BSH.new_zeros(batch_size, self.readout.out_features)
        )

    def forward(
        self, embedded_BTE: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """Readouts `readout_BTR`, attention weights `attn_weights_BTS` or None, the last state."""
        if not self.input_feeding:
            return self._run(embedded_BTE, state, encoded)
        readouts, weights = [], []
        for embedded_BE in embedded_BTE.unbind(1):
            readout_B1R, attn_weights_B1S, state = self._run(
                embedded_BE.unsqueeze(1), state, encoded
            )
            readouts.append(readout_B1R)
            weights.append(attn_weights_B1S)
        return torch.cat(readouts, 1), torch.cat([w for w in weights if w is not None], 1), state

    def _run(
        self, embedded_BTE: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """One whole-sequence pass; with input feeding, over a sequence of one token."""
        hidden = embedded_BTE
        if state.readout_BR is not None:
            hidden = torch.cat([hidden, state.readout_BR.unsqueeze(1)], dim=-1)
        states = []
        for depth, layer in enumerate(self.layers):
            if depth:
                hidden = F.dropout(hidden, self.dropout, self.training)
            outputs_BTD, last = layer(hidden, state.layers[depth])
            hidden = hidden + outputs_BTD if self.residual and depth else outputs_BTD
            states.append(last)
        attn_weights_BTS = None
        if self.attention is not None and encoded.keys_BSA is not None:
            scores_BTS = self.attention.scores(hidden, encoded.keys_BSA)
            context_BTH, attn_weights_BTS = attend(
                scores_BTS, encoded.enc_states_BSH, encoded.src_mask_BS
            )
            hidden = torch.cat([hidden, context_BTH], dim=-1)
        readout_BTR = torch.tanh(self.readout(hidden))
        fed_BR = readout_BTR[:, -1] if self.input_feeding else None
        return (
            F.dropout(readout_BTR, self.dropout, self.training),
            attn_weights_BTS,
            DecoderState(tuple(states), fed_BR),
        )


def _select_states(states: tuple[State, ...], index_N: Tensor) -> tuple[State, ...]:
    return tuple(tuple(part[index_N] for part in state) for state in states)
