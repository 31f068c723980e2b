"""The folder that decode leaves for one split; the same results give the same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn2seq.decoding.scoring import ReferenceScore
from attn2seq.decoding.translation import Translation
from attn2seq.whole import whole_folder

DIGITS = 6  # of a score; float32 sums hold no more


def write_decoded(
    folder: Path,
    sources: Sequence[str],
    translations: Sequence[Translation],
    references: Sequence[ReferenceScore],
) -> None:
    """Write hypotheses.txt, nbest.jsonl, attention.npz and reference_nats.parquet.

    The folder appears whole or not at all; one that is there is replaced.
    """
    records = zip(sources, translations, strict=True)
    nats = pd.DataFrame(
        {
            "nats": np.array([score.nats for score in references], dtype=np.float64),
            "tokens": np.array([score.tokens for score in references], dtype=np.int64),
        }
    )
    with whole_folder(folder) as beside:
        _write_lines(
            beside / "hypotheses.txt",
            [translation.hypotheses[0].text for translation in translations],
        )
        _write_lines(
            beside / "nbest.jsonl",
            [_nbest_line(line, src, found) for line, (src, found) in enumerate(records)],
        )
        arrays = attention_arrays(translations)
        np.savez_compressed(beside / "attention.npz", allow_pickle=False, **arrays)
        nats.to_parquet(beside / "reference_nats.parquet", index=False)


def attention_arrays(translations: Sequence[Translation]) -> dict[str, NDArray[np.generic]]:
    """Of each best hypothesis with a map: weights_<i> (T, S) float16, src_<i> and tgt_<i> pieces.

    i counts translations from 0. float16 holds three digits of a weight, more than a picture
    shows.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for line, translation in enumerate(translations):
        best = translation.hypotheses[0]
        if best.attn_weights_TS is not None:
            arrays[f"weights_{line}"] = best.attn_weights_TS.astype(np.float16)
            arrays[f"src_{line}"] = np.array(translation.src_pieces, dtype=np.str_)
            arrays[f"tgt_{line}"] = np.array(best.pieces, dtype=np.str_)
    return arrays


def _nbest_line(line: int, src: str, translation: Translation) -> str:
    hypotheses = [
        {
            "text": hypothesis.text,
            "score": round(hypothesis.score, DIGITS),
            "log_prob": round(hypothesis.log_prob, DIGITS),
            "tokens": hypothesis.tokens,
        }
        for hypothesis in translation.hypotheses
    ]
    record = {"line": line, "src": src, "hypotheses": hypotheses}
    return json.dumps(record, ensure_ascii=False)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
