from pathlib import Path

import pytest
import torch
from table_model import decode_settings
from tiny_model import TEXTS

from attn2seq.decoding.reading_notes import MAX_CHARACTERS
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translation import EMPTY
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError


def settings(**overrides: object) -> DecodeSettings:
    return decode_settings(beam_size=3, nbest=2, min_length=1, max_length_offset=10, **overrides)


def test_order_and_empty_lines_are_kept(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    done: list[int] = []
    translations = translator.translate(TEXTS, progress=done.append)
    assert sum(done) == len(TEXTS)
    assert [translation == EMPTY for translation in translations] == [
        not text.strip() for text in TEXTS
    ]
    assert translations[2].hypotheses[0].text == ""
    assert translations[0] == translations[6]
    for text, translation in zip(TEXTS, translations, strict=True):
        assert "".join(translation.src_pieces[:-1]).replace("▁", " ").strip() == text.strip()
        assert len(translation.hypotheses) == (2 if text.strip() else 1)


def test_a_hypothesis_says_what_it_is_made_of(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    for translation in translator.translate(TEXTS[:2], attention_maps=1):
        for hypothesis in translation.hypotheses:
            assert hypothesis.pieces[-1] == "</s>"
            assert hypothesis.tokens == len(hypothesis.pieces)
            pieces = "".join(hypothesis.pieces[:-1]).replace("▁", " ")
            assert pieces.strip() == hypothesis.text
            assert hypothesis.log_prob < hypothesis.score < 0
    first, second = translator.translate(TEXTS[:2], attention_maps=1)
    weights = first.hypotheses[0].attn_weights_TS
    assert weights is not None
    assert weights.shape == (first.hypotheses[0].tokens, len(first.src_pieces))
    assert first.src_pieces[-1] == "</s>"
    assert second.src_pieces[-1] == "</s>"


def test_only_blank_lines_never_reach_the_model(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    translator.steps = [None]  # type: ignore[list-item]
    assert translator.translate(["", "  ", "\t"]) == [EMPTY] * 3
    assert translator.translate([]) == []


def test_a_line_that_is_too_long_is_cut_with_a_warning(model_folder: Path) -> None:
    warnings: list[str] = []
    translator = Translator(model_folder, settings(max_source_length=6), warnings.append)
    long, short = translator.translate(["a dog runs " * 300, "a cat"])
    assert len(long.src_pieces) == 7
    assert len(short.src_pieces) <= 7
    assert len(warnings) == 1
    assert warnings[0].startswith("cut to the first 6 of ")
    assert "'a dog runs a dog" in warnings[0]


def test_scores_of_references(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    translations = translator.translate(TEXTS[:2])
    targets = [translation.hypotheses[0].text for translation in translations]
    scores = translator.reference_scores([*TEXTS[:2], ""], [*targets, "a cat"])
    assert len(scores) == 3
    assert all(score.nats > 0 for score in scores)
    assert [score.tokens for score in scores] == [
        len(ids) + 1 for ids in translator.tgt_tokenizer.encode([*targets, "a cat"])
    ]


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_model_computes_in_the_number_type_of_its_settings(
    model_folder: Path, name: str
) -> None:
    translator = Translator(model_folder, settings(number_type=name))
    assert translator.number_type == getattr(torch, name)
    assert {weight.dtype for weight in translator.model.parameters()} == {getattr(torch, name)}
    assert translator.translate(["a cat"])[0].hypotheses[0].text


def test_weights_that_are_no_numbers_are_explained(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    translator.model.output.bias.data.fill_(float("nan"))
    with pytest.raises(UserError, match="weights are damaged or its training diverged"):
        translator.translate(["a cat"])


def test_hypotheses_of_a_beam_hold_different_texts(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text in two segmentations is one translation, with the better score."""
    translator = Translator(model_folder, settings())
    whole = translator.translate(TEXTS[:1], nbest=3)[0].hypotheses
    decode = translator.tgt_tokenizer.decode
    first, second, third = (one.text for one in whole)
    assert len({first, second, third}) == 3

    def alike(rows: list[list[int]]) -> list[str]:
        return [first if text == second else text for text in decode(rows)]

    monkeypatch.setattr(translator.tgt_tokenizer, "decode", alike)
    found = translator.translate(TEXTS[:1], nbest=3)[0].hypotheses
    assert [(one.text, one.score) for one in found] == [
        (first, whole[0].score), (third, whole[2].score)
    ]  # fmt: skip
    # Samples are draws: the same text may be drawn twice.
    drawn = translator.translate(TEXTS[:1], search="sampling", nbest=6, top_k=1)[0].hypotheses
    assert len(drawn) == 6
    assert len({one.text for one in drawn}) == 1


def test_what_cannot_be_read_as_it_stands_is_said(model_folder: Path) -> None:
    warnings: list[str] = []
    translator = Translator(model_folder, settings(max_source_length=30), warnings.append)
    texts = ["a cat", "a d\u2019og \u0416", "\u2019", "a dog\n", "", "a cat\r\n\na dog", "a " * 90]
    notes = [translation.notes for translation in translator.translate(texts)]
    lacks = "not in the model's vocabulary, so read as unknown: "
    assert notes[:6] == [
        (), (f"{lacks}\u2019, \u0416",), (f"{lacks}\u2019",), (), (),
        ("2 lines are read as one: give each as a text of its own",),
    ]  # fmt: skip
    [cut] = notes[6]
    assert cut.startswith("cut to the first 30 of ")
    assert warnings == [
        f"{lacks}\u2019, \u0416 ('a d\u2019og \u0416')",
        f"{lacks}\u2019 ('\u2019')",
        "2 lines are read as one: give each as a text of its own ('a cat\\r\\n\\na dog')",
        f"{cut} ('{'a ' * 20}'...)",
    ]
    warnings.clear()
    translator.reference_scores(["\u0416"], ["a cat"])
    assert warnings == [f"{lacks}\u0416 ('\u0416')"]


def test_texts_that_share_a_note_are_told_in_one_line(model_folder: Path) -> None:
    warnings: list[str] = []
    translator = Translator(model_folder, settings(), warnings.append)
    translator.translate(["a \u0416", "a cat", "\u0416 a"])
    assert [line.rpartition(" (")[2] for line in warnings] == ["'a \u0416', and 1 more)"]
    warnings.clear()
    translator.translate([chr(0x4E00 + place) for place in range(30)])
    assert len(warnings) == 11
    assert warnings[10] == "20 further notes of this kind"


def test_unknown_characters_stand_as_themselves_among_the_pieces(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    text = "a \u0416 cat"
    [translation] = translator.translate([text])
    assert "".join(translation.src_pieces[:-1]).replace("\u2581", " ").strip() == text
    assert translator.src_tokenizer.pieces([1]) == ["<unk>"]


def test_a_text_is_text_and_of_bounded_length(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    with pytest.raises(UserError, match="text 2 has 4,194,305 characters, and a text has 4,194,3"):
        translator.translate(["a cat", "a" * (MAX_CHARACTERS + 1)])
    with pytest.raises(UserError, match="target 1 is no text: it holds half of a surrogate pair"):
        translator.score(["a cat"], ["\ud800"])
    with pytest.raises(TypeError, match="text 2 must be a string, not 5"):
        translator.translate(["a", 5])  # type: ignore[list-item]


def test_more_hypotheses_than_the_search_has_are_refused(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())  # a beam of 3
    asked = "decode.nbest: 5 hypotheses are asked for, but the search has "
    with pytest.raises(
        UserError, match=asked + r"3 \(beam_size\): lower nbest, or raise beam_size"
    ):
        translator.translate(["a cat"], nbest=5)
    with pytest.raises(UserError, match=asked + r"2 \(beam_size\)"):
        translator.translate(["a cat"], nbest=5, beam_size=2)
    with pytest.raises(UserError, match=asked + r"3 \(mbr_candidates\)"):
        translator.translate(["a cat"], nbest=5, beam_size=8, mbr="chrf", mbr_candidates=3)
    assert len(translator.translate(["a cat"], nbest=5, beam_size=5)[0].hypotheses) == 5
    assert len(translator.translate(["a cat"], nbest=5, search="sampling")[0].hypotheses) == 5
    # What the model was scored with asks for nothing here: a smaller beam gives what it has.
    assert len(translator.translate(["a cat"], beam_size=1)[0].hypotheses) == 1
