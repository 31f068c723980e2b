"""An LSTM over padded sentences, as fast as over sentences of one length.

Shapes: B batch, T positions, I input units, H units of one direction, D those of all directions.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.cells import last_states, past_ends

# Added to what a gate is computed from: its sigmoid is then 0 or 1 in every number type, and lets
# no gradient through.
_SHUT, _OPEN = -1e4, 1e4


def padded_lstm(
    lstm: nn.LSTM, inputs_BTI: Tensor, lengths_B: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What `lstm` (one layer, batch first) gives for the same sentences as a packed sequence.

    On a CPU torch takes packed sequences step by step, and only padded ones with the fast layer of
    oneDNN. So padding is made harmless instead: one input more says where it is, and there shuts
    the input and output gates and opens the forget gate. The cell stays as it was, and the output
    is zero, which is also the state that a backward direction starts from.
    """
    lengths_B = lengths_B.to(inputs_BTI.device, non_blocking=True)
    padding_BT1 = past_ends(inputs_BTI, lengths_B)
    # The order of torch's gates is input, forget, cell, output.
    of_gates_4 = inputs_BTI.new_zeros(4)
    for gate, value in ((0, _SHUT), (1, _OPEN), (3, _SHUT)):
        of_gates_4[gate] = value
    of_padding_G1 = of_gates_4.repeat_interleave(lstm.hidden_size).unsqueeze(1)
    weights = [
        torch.cat([weight, of_padding_G1], dim=1) if name.startswith("weight_ih") else weight
        for name, weight in lstm.named_parameters()
    ]
    directions = 2 if lstm.bidirectional else 1
    start_DBH = inputs_BTI.new_zeros(directions, len(inputs_BTI), lstm.hidden_size)
    outputs_BTD, h_DBH, c_DBH = torch.lstm(
        torch.cat([inputs_BTI.masked_fill(padding_BT1, 0), padding_BT1], dim=2),
        (start_DBH, start_DBH),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=lstm.training,
        bidirectional=lstm.bidirectional,
        batch_first=True,
    )
    # In padding the forward direction's output is zero: its last one stands before.
    forward_TBH = outputs_BTD[:, :, : lstm.hidden_size].transpose(0, 1)
    last_1BH = last_states(forward_TBH, lengths_B).unsqueeze(0)
    return outputs_BTD, (torch.cat([last_1BH, h_DBH[1:]]), c_DBH)
