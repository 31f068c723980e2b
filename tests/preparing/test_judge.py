"""A score that is 0 for every model judges none: it is refused before anything is trained."""

from typing import Any

import pytest
from smallest_entry import ENTRY

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.preparing.judge import sound_judge

CHINESE = "\u90a3\u53ea\u8001\u72d7\u5728\u8349\u5730\u4e0a\u8dd1"


def judge(targets: list[list[str]], **keys: Any) -> str:
    return sound_judge(CatalogueEntry.model_validate(ENTRY | {"judged_by": None} | keys), targets)


@pytest.mark.parametrize("keys", [{}, {"judged_by": "moses_bleu", "metrics": ["moses_bleu"]}])
@pytest.mark.parametrize("target", ["red", "ein alter Hund", CHINESE, "a-b-c-d-e"])
def test_bleu_needs_four_tokens(keys: dict[str, Any], target: str) -> None:
    with pytest.raises(UserError) as error:
        judge([[target], ["a b"]], bleu_tokenizer="13a", **keys)
    said = str(error.value)
    assert "would be 0 for every model of" in said
    assert "no target of dev has 4 tokens" in said
    assert f"data/catalogue/{ENTRY['name']}.yaml, set judged_by to exact_match or chrf" in said


def test_one_target_that_can_be_scored_is_enough() -> None:
    assert judge([["red"], ["a b", "ein alter Hund."]], bleu_tokenizer="13a") == "bleu"
    assert judge([[CHINESE]], bleu_tokenizer="zh") == "bleu"
    assert judge([["blue"]], bleu_tokenizer="char") == "bleu"


def test_other_scores_need_no_tokens() -> None:
    assert judge([["red"]], bleu_tokenizer="none") == "exact_match"
    for name in ("exact_match", "chrf", "ter"):
        assert judge([["red"]], bleu_tokenizer="13a", judged_by=name) == name
