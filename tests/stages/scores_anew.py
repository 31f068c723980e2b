"""Scores worked out anew from what decode wrote, with sacreBLEU and by counting lines."""

from pathlib import Path

import pandas as pd
from sacrebleu.metrics import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer


def score_anew(root: Path, split: str, metric: str, tokenizer: str) -> float:
    """A metric of one split; `tokenizer` as the corpus's entry or the signature names it."""
    pairs = pd.read_parquet(root / f"data/prepared/{split}.parquet")
    references = [list(texts) for texts in pairs["refs"]] if "refs" in pairs else None
    references = references or [[text] for text in pairs["tgt"]]
    written = (root / f"results/decode/{split}/hypotheses.txt").read_text(encoding="utf-8")
    hypotheses = written.removesuffix("\n").split("\n")
    if metric == "moses_bleu":
        language = tokenizer.removeprefix("moses-")
        hypotheses = [moses(text, language) for text in hypotheses]
        references = [[moses(text, language) for text in texts] for texts in references]
        return bleu(BLEU(tokenize="none", smooth_method="none", force=True), hypotheses, references)
    if metric == "bleu":
        return bleu(BLEU(tokenize=tokenizer), hypotheses, references)
    right = [
        spaced(text) in map(spaced, texts)
        for text, texts in zip(hypotheses, references, strict=True)
    ]
    share = 100 * sum(right) / len(right)
    return 100 - share if metric == "word_error_rate" else share


def bleu(metric: BLEU, hypotheses: list[str], references: list[list[str]]) -> float:
    most = max(map(len, references))
    streams = [
        [texts[place] if place < len(texts) else None for texts in references]
        for place in range(most)
    ]
    return float(metric.corpus_score(hypotheses, streams).score)


def moses(text: str, language: str) -> str:
    normal = MosesPunctNormalizer(lang=language).normalize(text.lower())
    return str(MosesTokenizer(lang=language).tokenize(normal, return_str=True))


def spaced(text: str) -> str:
    return " ".join(text.split())
