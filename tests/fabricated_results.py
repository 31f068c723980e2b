"""Results as a finished pipeline leaves them, made up: a page can be built without training."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attn2seq.config import read_yaml
from attn2seq.evaluation.scores import evaluate
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.report.page import ReportInputs
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import tokenize_splits

PARAMS: dict[str, Any] = {
    "download": {"corpus": "made-up"},
    "model": {"cell": "lstm", "attention": "additive", "encoder": {"layers": 2, "dropout": 0.2}},
    "train": {"learning_rate": 1e-3, "schedule": "cosine", "betas": [0.9, 0.98], "amp": False},
}
DEFAULTS = read_yaml(Path(__file__).parents[1] / "recipes/phrasebook-en-de.yaml")
CHARACTERS = TokenizeSettings.model_validate(
    DEFAULTS["tokenize"] | {"model_type": "char", "vocabulary_size": 500}
)
PAIRS = (
    ("On Monday the old teacher of Ada bought {n} blue books in Berlin .",
     "Am Montag kaufte der alte Lehrer von Ada {n} blaue Bücher in Berlin ."),
    ("I know that the small dog sleeps under table {n} .",
     "Ich weiß , dass der kleine Hund unter Tisch {n} schläft ."),
    ("She calls Bo at {n} o'clock .", "Sie ruft Bo um {n} Uhr an ."),
    ("The {n} friendly women , who live in the big house near the station , sing a song .",
     "Die {n} freundlichen Frauen , die im großen Haus beim Bahnhof wohnen , singen ein Lied ."),
)  # fmt: skip


def fabricate(
    root: Path,
    sentences: int,
    attention: int = 20,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    languages: tuple[str, str] = ("en", "de"),
    seed: int = 20261121,
) -> ReportInputs:
    """Fill `root` with results of all stages; `attention` is the number of attention maps.

    Another seed is another system on the same texts.
    """
    generator = np.random.default_rng(seed)
    prepared, decoded, train = root / "prepared", root / "decode", root / "train"
    for folder in (prepared, train, root / "prepare"):
        folder.mkdir(parents=True)
    _write(prepared / "corpus.json", {
        "name": "made-up", "title": "Phrases, English to German", "task": "translation",
        "src_lang": languages[0], "tgt_lang": languages[1], "metrics": [],
        "bleu_tokenizer": "zh" if languages[1] == "zh" else "13a",
        "licence": "Apache-2.0", "citation": "Made up for a test & nothing else",
    })  # fmt: skip
    for split, size in (("train", 400), ("dev", 60), ("test", sentences)):
        rows = [pairs[place % len(pairs)] for place in range(size)]
        frame = pd.DataFrame(
            [(src.format(n=place), tgt.format(n=place)) for place, (src, tgt) in enumerate(rows)],
            columns=["src", "tgt"],
        )
        frame.to_parquet(prepared / f"{split}.parquet")
        if split != "train":
            _decode(frame, decoded / split, attention, generator)
    sizes = {"train": 24_000, "dev": 1_000, "test": 1_000}
    account: dict[str, Any] = {
        split: {"read": kept + 5, "kept": kept, "dropped": {"duplicate": 3, "too_long": 2}}
        for split, kept in sizes.items()
    }
    account["hygiene"] = {split: _hygiene(split, kept) for split, kept in sizes.items()}
    _write(root / "prepare" / "metrics.json", account)
    _train(train, generator)
    tokenize_splits(prepared, root / "tokenized", CHARACTERS, lambda text: None)
    settings = EvaluateSettings(bootstrap_samples=100, seed=12345)
    evaluate(prepared, decoded, root / "evaluate", settings)
    return ReportInputs(
        prepare=root / "prepare", train=train, decode=decoded,
        evaluate=root / "evaluate", corpus=prepared / "corpus.json", tokenized=root / "tokenized",
    )  # fmt: skip


def _hygiene(split: str, rows: int) -> dict[str, Any]:
    """Much of test stands in train; dev is made from train's file and has no encodings."""
    lengths = {"percentile_99": 21, "longest": 25}
    found: dict[str, Any] = {
        "rows": rows, "repeated_pairs": 7, "repeated_sources": rows // 4,
        "sources_with_several_targets": 0, "source_equals_target": 1, "length_ratio_outliers": 2,
        "src_words": lengths, "src_characters": {"percentile_99": 120, "longest": 9_000},
        "tgt_words": lengths, "tgt_characters": lengths,
    }  # fmt: skip
    if split != "train":
        known = 125 if split == "test" else 0
        found |= {
            "sources_in_train": known, "sources_in_train_percent": 100 * known / rows,
            "pairs_in_train": 3, "pairs_in_train_percent": 300 / rows,
            "sources_in_train_before_filters": 140, "pairs_in_train_before_filters": 3,
        }  # fmt: skip
    if split != "dev":
        found |= {
            "texts_read": 2 * rows, "texts_wrongly_decoded": 3,
            "texts_with_control_characters": 0, "texts_changed_by_unicode_form": 12,
        }  # fmt: skip
    return found


def pieces(text: str) -> list[str]:
    """Subwords as sentencepiece writes them: words over five letters are cut in two."""
    found = []
    for word in text.split():
        cuts = [word[:4], word[4:]] if len(word) > 5 else [word]
        found += [f"▁{cuts[0]}", *cuts[1:]]
    return [*found, "</s>"]


def _decode(frame: pd.DataFrame, folder: Path, maps: int, generator: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    hypotheses = [_spoil(text, generator) for text in frame["tgt"]]
    (folder / "hypotheses.txt").write_text("\n".join(hypotheses) + "\n", encoding="utf-8")
    with (folder / "nbest.jsonl").open("w", encoding="utf-8") as file:
        for line, (src, best) in enumerate(zip(frame["src"], hypotheses, strict=True)):
            others = [best, *(_spoil(best, generator) for _ in range(3))]
            found = [{"text": text, "score": -0.1 - rank / 7, "log_prob": -1.0 - rank, "tokens": 9}
                     for rank, text in enumerate(others)]  # fmt: skip
            entry = {"line": line, "src": src, "hypotheses": found}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    arrays = {}
    for line in range(min(maps, len(frame))):
        src, tgt = pieces(frame["src"][line]), pieces(hypotheses[line])
        place = np.abs(np.linspace(0, 1, len(tgt))[:, None] - np.linspace(0, 1, len(src)))
        scores = -place * 14 + generator.normal(size=place.shape)
        weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        arrays |= {f"weights_{line}": weights.astype(np.float16),
                   f"src_{line}": np.array(src), f"tgt_{line}": np.array(tgt)}  # fmt: skip
    np.savez(folder / "attention.npz", **arrays)
    tokens = np.array([len(pieces(text)) for text in frame["tgt"]])
    nats = tokens * generator.gamma(2, 0.15, len(tokens))
    pd.DataFrame({"nats": nats, "tokens": tokens}).to_parquet(folder / "reference_nats.parquet")


def _spoil(text: str, generator: np.random.Generator) -> str:
    """Half of the sentences lose, swap or repeat a word."""
    words = text.split()
    place = int(generator.integers(len(words)))
    kind = int(generator.integers(6))
    if kind == 0:
        del words[place]
    elif kind == 1:
        words.insert(place, words[place])
    elif kind == 2:
        words[place], words[-1] = words[-1], words[place]
    return " ".join(words)


def _train(folder: Path, generator: np.random.Generator) -> None:
    rows = []
    for step in range(50, 4001, 50):
        loss = 0.4 + 7 * np.exp(-step / 500)
        row = {"step": step, "epoch": step // 400, "train_loss": loss + generator.normal() / 20,
               "train_learning_rate": 1e-3 * min(step / 400, (400 / step) ** 0.5),
               "train_grad_norm": 1 + generator.random(), "train_tokens": step * 4000}  # fmt: skip
        if step % 400 == 0:
            row |= {"dev_loss": loss + 0.1, "dev_perplexity": np.exp(loss + 0.1),
                    "dev_accuracy": 100 - 12 * loss}  # fmt: skip
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)
    _write(folder / "metrics.json", {
        "steps": 4000, "epochs": 10, "best_step": 3600, "parameters": 3_214_592, "dev_loss": 0.5,
    })  # fmt: skip


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
