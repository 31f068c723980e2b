"""Each way of decoding that settings name, through the translator, on a real network."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF
from table_model import decode_settings
from tiny_model import TEXTS, tiny_model

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translation import EMPTY
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import save_model, weights_of

LINES = [text for text in TEXTS if text.strip()]
Further = Callable[..., Path]


def settings(**overrides: object) -> DecodeSettings:
    values = {"beam_size": 4, "nbest": 2, "min_length": 1, "max_length_offset": 10}
    return decode_settings(**values | overrides)


def best(translator: Translator) -> list[str]:
    return [translation.hypotheses[0].text for translation in translator.translate(LINES)]


def test_an_ensemble_decodes_together(model_folder: Path, further_model: Further) -> None:
    other = further_model("other")
    both = Translator(model_folder, settings(), further=[other])
    assert best(both) != best(Translator(model_folder, settings()))
    assert best(both) != best(Translator(other, settings()))
    assert best(both) == best(Translator(other, settings(), further=[model_folder]))


def test_each_member_reads_the_source_in_pieces_of_its_own(
    model_folder: Path, further_model: Further
) -> None:
    own = further_model("own", own_src=True)
    translator = Translator(model_folder, settings(), further=[own])
    target = "two men"
    [score] = translator.reference_scores(["a dog runs"], [target])
    # The mean of the probabilities that each gives, step by step, reading its own pieces.
    [ids] = translator.tgt_tokenizer.encode([target])
    tokens = [*ids, 3]
    means = [0.0] * len(tokens)
    for folder in (model_folder, own):
        alone = Translator(folder, settings())
        src_BS, lengths_B = pad_batch(alone.src_tokenizer.encode(["a dog runs"]))
        with torch.inference_mode():
            encoded = alone.model.encode(src_BS, lengths_B)
            state = alone.model.initial_state(encoded)
            for step, (last, token) in enumerate(zip([2, *ids], tokens, strict=True)):
                log_probs, _, state = alone.model.decode_step(torch.tensor([last]), state, encoded)
                means[step] += math.exp(float(log_probs[0, token])) / 2
    assert score.nats == pytest.approx(-sum(math.log(mean) for mean in means), rel=1e-4)
    assert score.tokens == len(tokens)


def test_another_target_vocabulary_is_refused(model_folder: Path, further_model: Further) -> None:
    same, differs = further_model("same"), further_model("differs", own_tgt=True)
    with pytest.raises(UserError) as error:
        Translator(model_folder, settings(), further=[same, differs])
    assert f"{differs / 'tgt.model'} is not the target vocabulary of {model_folder}" in str(
        error.value
    )
    assert "decode.ensemble" in str(error.value)


def test_a_member_that_is_not_there_is_told(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere holds no model"):
        Translator(model_folder, settings(), further=[tmp_path / "nowhere"])


def test_one_model_of_an_ensemble_says_so(model_folder: Path, further_model: Further) -> None:
    said: list[str] = []
    named = settings(ensemble=["other"])
    Translator(model_folder, named, said.append, further=[further_model("other")])
    assert said == []
    Translator(model_folder, named, said.append)
    [warning] = said
    assert "without all models that decode.ensemble names (other)" in warning


def test_prefixes_are_texts(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    prefixes = ["the", "a do", "", "two men", "she"]
    texts = ["two men sit", "", "a cat", "a cat", "a cat"]
    found = translator.translate(texts, prefix=prefixes)
    assert found[1] == EMPTY
    [free] = translator.translate(["a cat"])
    assert found[2].hypotheses[0].pieces == free.hypotheses[0].pieces
    for translation, prefix in list(zip(found, prefixes, strict=True))[2:]:
        for hypothesis in translation.hypotheses:
            assert hypothesis.text.startswith(prefix)
            pieces = translator.tgt_tokenizer.pieces(translator.tgt_tokenizer.encode([prefix])[0])
            assert list(hypothesis.pieces[: len(pieces)]) == pieces
    assert len({translation.hypotheses[0].text for translation in found[2:]}) == 3


def test_prefixes_that_cannot_be_are_refused(model_folder: Path) -> None:
    translator = Translator(model_folder, settings())
    with pytest.raises(
        UserError, match=r"prefix 2 \('a 猫'\) cannot be written: the target vocabulary lacks 猫"
    ):
        translator.translate(["a cat", "a cat"], prefix=["a", "a 猫"])
    with pytest.raises(UserError, match="2 texts, but 1 prefixes: give one each"):
        translator.translate(["a cat", "a cat"], prefix=["a"])


def test_samples_are_those_of_the_line_alone(model_folder: Path) -> None:
    drawn = settings(search="sampling", nbest=4)
    together = Translator(model_folder, drawn).translate(TEXTS)
    alone = [Translator(model_folder, drawn).translate([text])[0] for text in TEXTS]
    texts = [[one.text for one in translation.hypotheses] for translation in together]
    assert texts == [[one.text for one in translation.hypotheses] for translation in alone]
    assert [len(samples) for samples in texts] == [4 if text.strip() else 1 for text in TEXTS]
    assert texts[0] == texts[6]
    colder = Translator(model_folder, settings(search="sampling", nbest=4, temperature=1e-3))
    greedy = Translator(model_folder, settings(beam_size=1, nbest=1))
    for samples, [one] in zip(
        (translation.hypotheses for translation in colder.translate(LINES)),
        (translation.hypotheses for translation in greedy.translate(LINES)),
        strict=True,
    ):
        assert {sample.text for sample in samples} == {one.text}


@pytest.mark.parametrize("metric", ["chrf", "bleu"])
@pytest.mark.parametrize("search", ["beam", "sampling"])
def test_minimum_bayes_risk_ranks_the_candidates_again(
    model_folder: Path, metric: str, search: str
) -> None:
    score = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}[metric].sentence_score
    plain = Translator(model_folder, settings(search=search, beam_size=8, nbest=8))
    ranked = Translator(
        model_folder, settings(search=search, beam_size=8, mbr=metric, mbr_candidates=8)
    )
    moved = 0
    for before, after in zip(plain.translate(LINES), ranked.translate(LINES), strict=True):
        texts = [one.text for one in before.hypotheses]
        probs = [math.exp(one.log_prob) for one in before.hypotheses]
        if search == "sampling":
            probs = [1.0] * len(probs)
        expected = {
            text: sum(p * score(text, [other]).score for p, other in zip(probs, texts, strict=True))
            / sum(probs)
            for text in texts
        }
        first, *_ = sorted(expected, key=lambda text: -expected[text])
        assert after.hypotheses[0].text == first
        assert after.hypotheses[0].score == pytest.approx(expected[first], abs=1e-6)
        assert len(after.hypotheses) == min(2, len(expected))
        moved += texts[0] != first
    assert moved


def test_coverage_asks_for_attention(model_folder: Path, tmp_path: Path) -> None:
    blind = tiny_model("none", input_feeding=False)
    for name in ("src.model", "tgt.model"):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    save_model(tmp_path, blind, weights_of(blind))
    with pytest.raises(UserError, match="this model has no attention: set it to 0"):
        Translator(tmp_path, settings(coverage_penalty=0.2)).translate(LINES)
    plain = Translator(model_folder, settings()).translate(LINES)
    ranked = Translator(model_folder, settings(coverage_penalty=5.0)).translate(LINES)
    scores = [
        [translation.hypotheses[0].score for translation in translations]
        for translations in (ranked, plain)
    ]
    assert sum(scores[0]) < sum(scores[1]) - 1


def test_threads_within_a_call_are_those_of_the_settings(model_folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        for asked in (1, 2):
            translator = Translator(model_folder, settings(threads=asked))
            seen: set[int] = set()

            def look(_: int, seen: set[int] = seen) -> None:
                seen.add(torch.get_num_threads())

            translator.translate(["a cat"], progress=look)
            assert seen == {asked}
            assert torch.get_num_threads() == before
        torch.set_num_threads(2)
        Translator(model_folder, settings(threads=0)).translate(["a cat"])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
