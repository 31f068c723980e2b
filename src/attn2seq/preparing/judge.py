"""Whether the score that judges models can tell one from another on this corpus."""

from collections.abc import Callable, Iterable, Sequence

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, judged_by

# BLEU multiplies the shares of n-grams up to this length: without one of four tokens it is 0.
MAX_ORDER = 4


def sound_judge(entry: CatalogueEntry, dev: Iterable[Sequence[str]]) -> str:
    """The name of the score; `dev` are the targets of each source.

    Raises UserError where it is a BLEU that is 0 by definition, for a perfect model too: no target
    has four tokens. They are single words, or of a script that the tokeniser cannot cut.
    """
    judge = judged_by(entry.model_dump())
    tokenizer = {"bleu": entry.bleu_tokenizer, "moses_bleu": "13a"}.get(judge)
    if tokenizer is None:
        return judge
    tokens = token_counter(tokenizer)
    longest = 0
    for targets in dev:
        longest = max(longest, *map(tokens, targets))
        if longest >= MAX_ORDER:
            return judge
    raise UserError(
        f"{METRICS[judge].label} would be 0 for every model of {entry.name}: with the tokeniser "
        f"{tokenizer} no target of dev has {MAX_ORDER} tokens, the longest has {longest}. In "
        f"data/catalogue/{entry.name}.yaml, set judged_by to exact_match or chrf; or, for a script "
        "without spaces between words, bleu_tokenizer to zh or char"
    )


def token_counter(tokenizer: str) -> Callable[[str], int]:
    """The number of tokens that sacreBLEU's tokeniser makes of a text, or of its words where these
    are enough.
    """
    from sacrebleu.metrics import BLEU

    cut = BLEU(tokenize=tokenizer, force=True).tokenizer

    def count(text: str) -> int:
        # No tokeniser joins words.
        words = len(text.split())
        return words if words >= MAX_ORDER else len(cut(text).split())

    return count
