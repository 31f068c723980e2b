"""The bridge: what the decoder's layers start from, once the encoder has read the source.

Shapes: B batch, H units of an encoder layer's state, D decoder units.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.recurrent import State
from attn2seq.model.settings import ModelSettings


class Bridge(nn.Module):
    """A start state for each decoder layer, from the encoder layer of its depth.

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
        has_memory = settings.cell in ("lstm", "layer_norm_lstm")
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
