"""The encoder: a source sentence becomes one state for each of its tokens.

Shapes: B batch, S source positions, E embedding, H encoder state (both directions).
"""

from torch import Tensor, nn

from attn2seq.model.dropout import dropout
from attn2seq.model.recurrent import RecurrentLayer, State
from attn2seq.model.settings import ModelSettings


class Encoder(nn.Module):
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
