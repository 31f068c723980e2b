"""The decoder: target tokens one after the other, looking back at the source.

Shapes: B batch, T target positions, S source positions, E embedding, H encoder state,
D decoder units, R readout, N rows chosen. In a search a batch's targets are the hypotheses, K of
each source one after the other; what is encoded stays one row a source.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from attn2seq.model.attention import apart, make_attention, side_by_side
from attn2seq.model.cells import State
from attn2seq.model.copying import GenerationSwitch
from attn2seq.model.dropout import dropout, step_mask
from attn2seq.model.encoder import Bridge, Encoded, select_states
from attn2seq.model.fast.deferred import DeferredLinear, deferred_gradients
from attn2seq.model.recurrent import RecurrentLayer
from attn2seq.model.settings import ModelSettings


@dataclass(frozen=True)
class Decoded:
    """What the decoder found at each target position."""

    readout_BTR: Tensor  # what the output layer reads
    attn_weights_BTS: Tensor | None  # float32; None without attention
    generate_BT: Tensor | None  # float32; the probability of not copying, where the model copies
    repeated_BT: Tensor | None  # float32; the weight on positions looked at before, with coverage


@dataclass(frozen=True)
class DecoderState:
    """What one decoder step hands to the next."""

    layers: tuple[State, ...]  # one state a layer: parts BD, or a Transformer's keys so far
    readout_BR: Tensor | None = None  # the last readout, where input feeding is on
    # float32; the weights so far, summed, with coverage; with location_aware those of the last step
    coverage_BS: Tensor | None = None
    masks: tuple[Tensor, ...] = ()  # of variational dropout, BD for each layer but the first

    def select(self, index_N: Tensor) -> "DecoderState":
        """The sentences at `index_N`, in that order, repeats allowed."""
        return DecoderState(
            select_states(self.layers, index_N),
            None if self.readout_BR is None else self.readout_BR[index_N],
            None if self.coverage_BS is None else self.coverage_BS[index_N],
            tuple(mask_BD[index_N] for mask_BD in self.masks),
        )


class RecurrentDecoder(nn.Module):
    """Recurrent layers, attention over the encoder states, and a readout that joins the two.

    The attention asks with the state of the last layer, and the readout alone reads the context
    (`output`, Luong et al. 2015); or with that of the step before, and the first layer reads it
    too (`first_layer`, Bahdanau et al. 2015); or with the first layer's, and those above read it
    (`all_layers`, Wu et al. 2016). readout = tanh(W [output; context]): Eq. 5 in Luong et al.

    Where no step depends on the attention of another, all target positions go through each layer
    in one call.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        hidden_size, readout_size = settings.decoder_hidden_size, settings.readout_size
        first = settings.embedding_size + (readout_size if settings.input_feeding else 0)
        first += settings.enc_size if settings.context_into == "first_layer" else 0
        upper = hidden_size + (settings.enc_size if settings.context_into == "all_layers" else 0)
        sizes = [first] + [upper] * (settings.decoder_layers - 1)
        self.bridge = Bridge(settings)
        self.layers = nn.ModuleList(
            RecurrentLayer(settings.cell, size, hidden_size, bidirectional=False) for size in sizes
        )
        self.attention = make_attention(settings)
        self.readout = (
            DeferredLinear(settings.readout_input_size, readout_size) if readout_size else None
        )
        self.switch = (
            GenerationSwitch(settings.enc_size, hidden_size, settings.embedding_size)
            if settings.copying
            else None
        )

    def keys(self, enc_states_BSH: Tensor) -> Tensor | None:
        """What the attention needs of the source, and no step changes; None without attention."""
        return None if self.attention is None else self.attention.keys(enc_states_BSH)

    def place(self, embedded_BTE: Tensor, state: DecoderState) -> Tensor:
        """What stands for the embeddings before dropout: a recurrence needs no positions."""
        return embedded_BTE

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The state before the first target token."""
        settings, layers = self.settings, self.bridge(encoded.final_states)
        states_BSH = encoded.enc_states_BSH
        readout_BR = coverage_BS = None
        if settings.input_feeding:
            readout_BR = states_BSH.new_zeros(len(states_BSH), settings.readout_size)
        if settings.remembers:
            coverage_BS = states_BSH.new_zeros(states_BSH.shape[:2], dtype=torch.float32)
        masks = [
            step_mask(state[0], settings.layer_dropout, self.training)
            for state in layers[1:]
            if settings.variational_dropout
        ]
        kept = tuple(mask for mask in masks if mask is not None)
        return DecoderState(layers, readout_BR, coverage_BS, kept)

    def forward(
        self, embedded_BTE: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Decoded, DecoderState]:
        """What is found at each target position, and the state after the last."""
        settings = self.settings
        if settings.step_by_step:
            steps = []
            with deferred_gradients(self):
                for embedded_BE in embedded_BTE.unbind(1):
                    step, state = self._run(embedded_BE.unsqueeze(1), state, encoded)
                    steps.append(step)
            decoded = _joined(steps)
        else:
            decoded, state = self._run(embedded_BTE, state, encoded)
        # Of all positions in one call, so that variational dropout can drop the same units in each.
        readout_BTR = dropout(
            decoded.readout_BTR,
            settings.readout_dropout,
            self.training,
            settings.variational_dropout,
        )
        return replace(decoded, readout_BTR=readout_BTR), state

    def _run(
        self, embedded_BTE: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Decoded, DecoderState]:
        """All positions at once, or one, where the next depends on what it finds; the readout is
        without dropout.
        """
        settings = self.settings
        inputs, context, weights = [embedded_BTE], None, None
        if settings.context_into == "first_layer":
            context, weights = self._attend(state.layers[-1][0].unsqueeze(1), state, encoded)
            inputs.append(context)
        if state.readout_BR is not None:
            inputs.append(state.readout_BR.unsqueeze(1))
        hidden, last = self.layers[0](torch.cat(inputs, dim=-1), state.layers[0])
        states = [last]
        if settings.context_into == "all_layers":
            context, weights = self._attend(hidden, state, encoded)
        for depth, layer in enumerate(self.layers[1:], start=1):
            below = self._dropped(hidden, depth, state)
            if settings.context_into == "all_layers" and context is not None:
                below = torch.cat([below, context], dim=-1)
            outputs_BTD, last = layer(below, state.layers[depth])
            hidden = hidden + outputs_BTD if settings.residual else outputs_BTD
            states.append(last)
        if settings.context_into == "output" and self.attention is not None:
            context, weights = self._attend(hidden, state, encoded)
        readout_BTR = self._read(hidden, context)
        decoded = Decoded(
            readout_BTR,
            weights,
            None
            if self.switch is None or context is None
            else self.switch(context, hidden, embedded_BTE),
            _repeated(weights, state) if settings.coverage and weights is not None else None,
        )
        return decoded, self._after(tuple(states), readout_BTR, weights, state)

    def _attend(
        self, queries_BTD: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor]:
        """Contexts BTH and weights BTS."""
        assert self.attention is not None
        assert encoded.keys_BSA is not None
        states, coverage = encoded.enc_states_BSH, None
        if state.coverage_BS is not None:
            coverage = side_by_side(state.coverage_BS.unsqueeze(1), states)
        context, attn_weights = self.attention(
            side_by_side(queries_BTD, states),
            encoded.keys_BSA,
            states,
            encoded.src_mask_BS,
            coverage,
        )
        return apart(context, queries_BTD), apart(attn_weights, queries_BTD)

    def _dropped(self, hidden_BTD: Tensor, depth: int, state: DecoderState) -> Tensor:
        """The input of layer `depth` with dropout: the same units at all steps if variational."""
        if self.settings.variational_dropout:
            return hidden_BTD * state.masks[depth - 1].unsqueeze(1) if state.masks else hidden_BTD
        return dropout(hidden_BTD, self.settings.layer_dropout, self.training, over_time=False)

    def _read(self, hidden_BTD: Tensor, context_BTH: Tensor | None) -> Tensor:
        """What the output layer will read, BTR, before dropout."""
        parts: dict[str, list[Tensor | None]] = {
            "both": [hidden_BTD, context_BTH], "state": [hidden_BTD], "context": [context_BTH]
        }  # fmt: skip
        read = [part for part in parts[self.settings.readout_from] if part is not None]
        joined = torch.cat(read, dim=-1)
        return joined if self.readout is None else torch.tanh(self.readout(joined))

    def _after(
        self,
        layers: tuple[State, ...],
        readout_BTR: Tensor,
        attn_weights_BTS: Tensor | None,
        state: DecoderState,
    ) -> DecoderState:
        readout_BR = readout_BTR[:, -1] if self.settings.input_feeding else None
        coverage_BS = state.coverage_BS
        if coverage_BS is not None and attn_weights_BTS is not None:
            weights_BS = attn_weights_BTS[:, -1]
            coverage_BS = coverage_BS + weights_BS if self.settings.coverage else weights_BS
        return DecoderState(layers, readout_BR, coverage_BS, state.masks)


def _repeated(attn_weights_B1S: Tensor, state: DecoderState) -> Tensor:
    """sum_s min(a_s, c_s), B1: the coverage loss of a step, Eq. 12 in See et al. 2017."""
    assert state.coverage_BS is not None
    return torch.minimum(attn_weights_B1S, state.coverage_BS.unsqueeze(1)).sum(-1)


def _joined(steps: list[Decoded]) -> Decoded:
    """Positions one after the other."""

    def join(parts: list[Tensor | None]) -> Tensor | None:
        there = [part for part in parts if part is not None]
        return torch.cat(there, dim=1) if there else None

    return Decoded(
        torch.cat([step.readout_BTR for step in steps], dim=1),
        join([step.attn_weights_BTS for step in steps]),
        join([step.generate_BT for step in steps]),
        join([step.repeated_BT for step in steps]),
    )
