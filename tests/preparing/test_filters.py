"""Filters for noisy data: scripts, languages, ratios and repeated targets, each with its count."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from attn2seq.errors import UserError
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.scores import LanguageIdentifier, character_score, similarity
from attn2seq.preparing.settings import PrepareSettings

PAIRS = [
    ("The weather is nice today.", "Das Wetter ist heute schön."),
    ("Where is the old station?", "Где находится старый вокзал?"),
    ("Click here to read more.", "Click here to read more about it."),
    ("Our hotel has a garden.", "Unser Hotel hat einen Garten."),
    ("The house has a garden.", "Unser Hotel hat einen Garten."),
    ("12:30", "12.30"),
]  # fmt: skip


@pytest.fixture
def dropped(
    tmp_path: Path,
    raw_corpus: Callable[..., Path],
    prepare_settings: Callable[..., PrepareSettings],
) -> Callable[..., dict[str, int]]:
    """What each filter drops from the pairs; dev and test are another one."""

    def run(pairs: list[tuple[str, str]] = PAIRS, **settings: Any) -> dict[str, int]:
        text = "".join(f"{src}\t{tgt}\n" for src, tgt in pairs)
        other = {split: {"file": "other.tsv"} for split in ("dev", "test")}
        raw = raw_corpus(
            {"mine.tsv": text, "other.tsv": "A dog.\tEin Hund.\n"},
            files=[{"path": "mine.tsv"}, {"path": "other.tsv"}], make_splits=None,
            splits={"train": {"file": "mine.tsv"}} | other,
        )  # fmt: skip
        metrics = tmp_path / "metrics.json"
        prepare_corpus(
            raw, tmp_path / "prepared", metrics, prepare_settings(**settings), lambda _: None
        )
        train = json.loads(metrics.read_text(encoding="utf-8"))["train"]
        assert train["read"] == train["kept"] + sum(train["dropped"].values())
        return {reason: count for reason, count in train["dropped"].items() if count}

    return run


@pytest.mark.parametrize(
    ("text", "script", "score"),
    [("Ja, да", "Latin", 0.5), ("12:30", "Latin", 1.0), ("naïve", "Latin", 1.0),
     ("我们走吧 OK", "Han", 4 / 6), ("да", "Latin", 0.0)],
)  # fmt: skip
def test_the_character_score_counts_letters(text: str, script: str, score: float) -> None:
    assert character_score(text, script) == pytest.approx(score)


@pytest.mark.parametrize(
    ("src", "tgt", "score"),
    [("Click here", "Klick hier", 0.7), ("same", "same", 1.0), ("abc", "xyz", 0.0),
     ("Taxi", "Taxi!", 0.8)],
)  # fmt: skip
def test_similarity_counts_the_characters_that_stay(src: str, tgt: str, score: float) -> None:
    assert similarity(src, tgt) == similarity(tgt, src) == pytest.approx(score)


def test_texts_that_were_copied_and_not_translated(
    dropped: Callable[..., dict[str, int]],
) -> None:
    assert dropped(max_similarity=0.7) == {"max_similarity": 2}
    assert dropped([*PAIRS, ("Taxi", "Taxi")]) == {}


def test_letters_of_another_script(dropped: Callable[..., dict[str, int]]) -> None:
    wishes = {"tgt_script": "Latin", "min_character_score": 0.5}
    assert dropped(**wishes) == {"min_character_score": 1}
    assert dropped(**wishes | {"tgt_script": "", "src_script": "Cyrillic"}) == {
        "min_character_score": 5
    }


def test_targets_that_occur_again(dropped: Callable[..., dict[str, int]]) -> None:
    assert dropped(drop_duplicate_targets=True) == {"drop_duplicate_targets": 1}
    # A repeated pair is counted as such, and only once.
    assert dropped([*PAIRS, PAIRS[0]], drop_duplicate_targets=True, drop_duplicates=True) == {
        "drop_duplicates": 1, "drop_duplicate_targets": 1,
    }  # fmt: skip


def test_a_ratio_of_characters(dropped: Callable[..., dict[str, int]]) -> None:
    pairs = [*PAIRS, ("Thank you", "Donaudampfschifffahrtsgesellschaftskapitän")]
    assert dropped(pairs, max_length_ratio=3.0) == {}
    assert dropped(pairs, max_length_ratio=3.0, length_ratio_unit="character") == {
        "max_length_ratio": 1
    }


def test_texts_of_another_language(dropped: Callable[..., dict[str, int]]) -> None:
    pytest.importorskip("py3langid")
    assert dropped(PAIRS[:5], min_language_id_score=0.2) == {"min_language_id_score": 2}


def test_a_language_that_cannot_be_identified() -> None:
    pytest.importorskip("py3langid")
    with pytest.raises(UserError, match="py3langid does not know the language arpabet; set it to"):
        LanguageIdentifier(("en", "arpabet"))
    assert LanguageIdentifier(("eng", "German")).score("Guten Morgen, wie geht es?", "German") > 0.9


def test_without_the_package_the_setting_says_how_to_get_it(
    dropped: Callable[..., dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(UserError, match="needs the package py3langid: pip install py3langid, or"):
        dropped(min_language_id_score=0.5)
    assert dropped() == {}


def test_a_script_that_there_is_none_of(prepare_settings: Callable[..., PrepareSettings]) -> None:
    with pytest.raises(ValidationError, match="must be the Unicode name of a script, such as Lat"):
        prepare_settings(src_script="Latein")
