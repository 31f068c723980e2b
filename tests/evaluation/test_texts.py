from pathlib import Path

import pandas as pd
import pytest

from attn2seq.errors import UserError
from attn2seq.evaluation.texts import read_corpus_facts, read_lines, read_split, split_words


def write_split(folder: Path, hypotheses: str, nats: list[float]) -> tuple[Path, Path]:
    pairs = folder / "test.parquet"
    pd.DataFrame({"src": ["s1", "s2"], "tgt": ["t1", "t2"]}).to_parquet(pairs)
    decoded = folder / "decoded"
    decoded.mkdir()
    (decoded / "hypotheses.txt").write_bytes(hypotheses.encode())
    pd.DataFrame({"nats": nats, "tokens": [2] * len(nats)}).to_parquet(
        decoded / "reference_nats.parquet"
    )
    return pairs, decoded


def test_lines_keep_rare_separators_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.txt"
    path.write_bytes("a\u2028b\n\nc\rd\x0be\n\n".encode())
    assert read_lines(path) == ["a\u2028b", "", "c\rd\x0be", ""]


def test_reads_a_split(tmp_path: Path) -> None:
    split = read_split(*write_split(tmp_path, "h1\n\n", [1.0, 2.0]))
    assert split.hypotheses == ["h1", ""]
    assert split.references == [["t1"], ["t2"]]


def test_several_references(tmp_path: Path) -> None:
    pairs, decoded = write_split(tmp_path, "h1\nh2\n", [1.0, 2.0])
    frame = pd.read_parquet(pairs)
    frame["refs"] = [["t1", "u1"], ["t2"]]
    frame.to_parquet(pairs)
    split = read_split(pairs, decoded)
    assert split.references == [["t1", "u1"], ["t2"]]
    assert split.targets == ["t1", "t2"]


def test_differing_line_counts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hypotheses.txt has 1 lines, but .*test.parquet has 2"):
        read_split(*write_split(tmp_path, "h1\n", [1.0, 2.0]))


def test_missing_nats_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reference_nats.parquet has 1 lines"):
        read_split(*write_split(tmp_path, "h1\nh2\n", [1.0]))


def test_nats_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reference_nats.parquet, line 2: nan nats"):
        read_split(*write_split(tmp_path, "h1\nh2\n", [1.0, float("nan")]))


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.txt is missing: run the stage"):
        read_lines(tmp_path / "none.txt")


def test_corpus_facts_without_a_key(tmp_path: Path) -> None:
    path = tmp_path / "corpus.json"
    path.write_text('{"metrics": [], "tgt_lang": "de"}')
    with pytest.raises(UserError, match="no key 'bleu_tokenizer'"):
        read_corpus_facts(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Um 7 Uhr, Ada!", ["Um", "7", "Uhr", "Ada"]),
        ("Не знаю…", ["Не", "знаю"]),
        ("我爱你。", ["我", "爱", "你"]),
        ("iPhone买了3个", ["iPhone", "买", "了", "3", "个"]),
        ("すごい!", ["す", "ご", "い"]),
        ("ที่", ["ที่"]),
        ("हिन्दी", ["हिन्दी"]),
        ("كتابٌ جديد", ["كتابٌ", "جديد"]),
        ("cafe\u0301", ["cafe\u0301"]),
        ("\u00a0 \u2028!?", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert split_words(text) == words
