"""The way back: which row of which step each token came from.

A search whose rows are reordered at every step, and leave as sentences end, would have to reorder
all it has produced each time. It only notes where each row came from; the few hypotheses that
are wanted are followed back at the end.

Shapes: N rows of a step, S source positions, P paths followed, T target positions.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from attn2seq.tokenization.tokenizer import EOS_ID, PAD_ID


@dataclass
class Trace:
    """One entry a model call. N may differ from call to call."""

    tokens: list[Tensor] = field(default_factory=list)  # N int64: the tokens read
    previous: list[Tensor] = field(default_factory=list)  # N int64: rows of the call before
    attn_weights: list[Tensor] = field(default_factory=list)  # NS, where they are kept

    def note(self, tokens_N: Tensor, previous_N: Tensor, attn_weights_NS: Tensor | None) -> None:
        """Add a call: what its rows read, where they came from, what they looked at."""
        self.tokens.append(tokens_N)
        self.previous.append(previous_N)
        if attn_weights_NS is not None:
            self.attn_weights.append(attn_weights_NS)

    def follow(self, calls_P: Tensor, rows_P: Tensor) -> tuple[Tensor, Tensor | None]:
        """The hypotheses that ended (with eos) in row `rows_P` of call `calls_P`, counted from 1.

        Gives `tokens_PT`, eos included and PAD_ID after it, and `attn_weights_PTS`, zero after
        it, or None where none were kept.
        """
        paths, longest = len(rows_P), len(self.tokens)
        tokens_PT = torch.full((paths, longest), PAD_ID, device=rows_P.device)
        attn_weights = []
        for call in reversed(range(longest)):
            reached_P = calls_P > call
            # A path that ended earlier has no row here yet: any will do.
            row_P = torch.where(reached_P, rows_P, 0)
            if call:
                tokens_PT[:, call - 1] = torch.where(reached_P, self.tokens[call][row_P], PAD_ID)
            if self.attn_weights:
                attn_weights.append(self.attn_weights[call][row_P] * reached_P.unsqueeze(1))
            rows_P = torch.where(reached_P, self.previous[call][row_P], rows_P)
        tokens_PT.scatter_(1, calls_P.unsqueeze(1) - 1, EOS_ID)
        return tokens_PT, torch.stack(attn_weights[::-1], 1) if attn_weights else None
