"""The encoder: a source sentence becomes one state for each of its tokens; what the decoder gets.

Shapes: B batch, S source positions, E embedding, H encoder state (both directions), A attention
units, D decoder units, N rows chosen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attn2seq.model.cells import State
from attn2seq.model.dropout import dropout
from attn2seq.model.recurrent import RecurrentLayer
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import PAD_ID


@dataclass(frozen=True)
class Encoded:
    """An encoded source batch: all that the decoder knows of it."""

    src_BS: Tensor  # ids, for copying
    src_mask_BS: Tensor  # bool, True where a real token stands
    enc_states_BSH: Tensor
    keys_BSA: Tensor | None  # projected states for the attention; None without attention
    final_states: tuple[State, ...]  # of each encoder layer; a Transformer's mean state

    def select(self, index_N: Tensor) -> "Encoded":
        """The sentences at `index_N`, in that order, repeats allowed."""
        return Encoded(
            self.src_BS[index_N],
            self.src_mask_BS[index_N],
            self.enc_states_BSH[index_N],
            None if self.keys_BSA is None else self.keys_BSA[index_N],
            select_states(self.final_states, index_N),
        )

    def widened(self, missing: int) -> "Encoded":
        """With so many more source positions, which are padding."""

        def wider(part: Tensor, value: int = 0) -> Tensor:
            past_positions = (0, 0) * (part.dim() - 2)
            return nn.functional.pad(part, (*past_positions, 0, missing), value=value)

        return Encoded(
            wider(self.src_BS, PAD_ID),
            wider(self.src_mask_BS),
            wider(self.enc_states_BSH),
            None if self.keys_BSA is None else wider(self.keys_BSA),
            self.final_states,
        )


def select_states(states: tuple[State, ...], index_N: Tensor) -> tuple[State, ...]:
    """The rows at `index_N` of every part of every layer's state."""
    return tuple(tuple(part[index_N] for part in state) for state in states)


class RecurrentEncoder(nn.Module):
    """Recurrent layers, one over the other; padding is neither read nor written.

    Two directions as in Schuster and Paliwal 1997, used by Bahdanau et al. 2015, section 3.2.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        inputs = [settings.embedding_size, *settings.enc_sizes]
        self.layers = nn.ModuleList(
            RecurrentLayer(
                settings.cell,
                inputs[depth],
                settings.encoder_hidden_size,
                bidirectional=size > settings.encoder_hidden_size,
            )
            for depth, size in enumerate(settings.enc_sizes)
        )
        self.settings = settings

    def place(self, embedded_BSE: Tensor) -> Tensor:
        """What stands for the embeddings before dropout: a recurrence needs no positions."""
        return embedded_BSE

    def forward(self, embedded_BSE: Tensor, lengths_B: Tensor) -> tuple[Tensor, tuple[State, ...]]:
        """The states `enc_states_BSH` of the last layer, and each layer's final state."""
        settings, hidden = self.settings, embedded_BSE
        final_states = []
        for depth, layer in enumerate(self.layers):
            below = hidden
            if depth:
                below = dropout(
                    hidden, settings.layer_dropout, self.training, settings.variational_dropout
                )
            outputs_BSH, final = layer(below, None, lengths_B)
            hidden = (
                hidden + outputs_BSH
                if settings.residual and depth and hidden.shape == outputs_BSH.shape
                else outputs_BSH
            )
            final_states.append(final)
        return hidden, tuple(final_states)


class Bridge(nn.Module):
    """The start state of each decoder layer, from the encoder layer of its depth.

    A decoder that is deeper than the encoder takes the last encoder layer for the layers beyond.
    `settings.bridge` names the way from one to the other:

    zero    zeros, so that the source comes in through the attention alone
    last    the final state as it is (Sutskever et al. 2014, section 3); sizes agree
    learnt  a layer of its own for each part: h through tanh, s_0 = tanh(W h) as in section A.2.2
            in Bahdanau et al. 2015, and a memory c, which is not bounded, linearly
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.kind = settings.bridge
        self.decoder_layers, self.size = settings.decoder_layers, settings.decoder_hidden_size
        sizes = [
            settings.enc_sizes[min(depth, settings.encoder_layers - 1)]
            for depth in range(settings.decoder_layers)
            if settings.bridge == "learnt"
        ]
        has_memory = settings.state_parts == 2
        self.hidden = nn.ModuleList(nn.Linear(size, self.size) for size in sizes)
        self.memory = nn.ModuleList(nn.Linear(size, self.size) for size in sizes if has_memory)

    def forward(self, final_states: tuple[State, ...]) -> tuple[State, ...]:
        """One start state a decoder layer, each part BD; `final_states` has parts BH."""
        last = len(final_states) - 1
        return tuple(
            self._start(depth, final_states[min(depth, last)])
            for depth in range(self.decoder_layers)
        )

    def _start(self, depth: int, final: State) -> State:
        match self.kind:
            case "zero":
                return tuple(part_BH.new_zeros(len(part_BH), self.size) for part_BH in final)
            case "last":
                return final
            case "learnt":
                start: list[Tensor] = [torch.tanh(self.hidden[depth](final[0]))]
                if self.memory:
                    start.append(self.memory[depth](final[1]))
                return tuple(start)
