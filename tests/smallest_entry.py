"""A catalogue entry for tests to change."""

from typing import Any

# A user's tab-separated file, as the smallest entry that is sound.
ENTRY: dict[str, Any] = {
    "name": "mine",
    "title": "My sentences",
    "task": "translation",
    "src_lang": "en",
    "tgt_lang": "de",
    "files": [{"path": "mine.tsv"}],
    "reader": "delimited",
    "delimiter": "\t",
    "columns": {"src": 1, "tgt": 2},
    "splits": {"train": {"file": "mine.tsv"}},
    "make_splits": {"dev": 1, "test": 1, "seed": 1},
    "bleu_tokenizer": "13a",
    "judged_by": "exact_match",
    "licence": "my own",
    "citation": "none",
}
