"""How replies are searched where nothing else is asked for.

They are drawn, since the most probable reply is the same for nearly every turn. Apart from what
uses it, so that the command line can show it without waiting for torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn2seq.decoding.settings import SearchOptions

REPLIES: "SearchOptions" = {
    "search": "sampling", "sampling_seed": 1, "temperature": 0.8, "top_p": 0.9,
    "repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
    # What ranks the hypotheses of a beam is of no use to draws.
    "mbr": "none", "coverage_penalty": 0.0,
}  # fmt: skip
