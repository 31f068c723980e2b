"""The encoder: a source sentence becomes one state for each of its tokens.

Shapes: B batch, S source positions, E embedding, H encoder state (both directions).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.model.recurrent import RecurrentLayer, State
from attn2seq.model.settings import ModelSettings


class Encoder(nn.Module):
    """Recurrent layers over packed sequences; padding is neither read nor written.

    Two directions as in Schuster and Paliwal 1997, used by Bahdanau et al. 2015, section 3.2.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        sizes = [settings.embedding_size] + [settings.enc_size] * (settings.encoder_layers - 1)
        self.layers = nn.ModuleList(
            RecurrentLayer(
                settings.cell, size, settings.encoder_hidden_size, settings.bidirectional
            )
            for size in sizes
        )
        self.residual = settings.residual
        self.dropout = settings.dropout

    def forward(self, embedded_BSE: Tensor, lengths_B: Tensor) -> tuple[Tensor, tuple[State, ...]]:
        """The states `enc_states_BSH` of the last layer, and each layer's final state."""
        hidden = embedded_BSE
        final_states = []
        for depth, layer in enumerate(self.layers):
            if depth:
                hidden = F.dropout(hidden, self.dropout, self.training)
            outputs_BSH, final = layer(hidden, None, lengths_B)
            hidden = hidden + outputs_BSH if self.residual and depth else outputs_BSH
            final_states.append(final)
        return hidden, tuple(final_states)
