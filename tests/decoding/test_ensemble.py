"""Ensembles of table models, held to the mean of the tables' probabilities."""

import math

import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.decoding.batched import Reader, find_all, score_all
from attn2seq.decoding.ranking import length_penalty
from attn2seq.tokenization.tokenizer import EOS_ID

CPU = torch.device("cpu")
# Each member reads the sources in pieces of its own: other ids, another number of them.
SOURCES = [
    [[word] * (1 + word % 3) for word in range(FIRST_WORD, 30)],
    [[word + 11, 5] for word in range(FIRST_WORD, 30)],
    [[2 * word] * (1 + word % 5) for word in range(FIRST_WORD, 30)],
]


def readers(seed: int, vocabulary_size: int) -> list[Reader]:
    return [
        Reader(TableModel.random(seed * 10 + place, vocabulary_size), sources)
        for place, sources in enumerate(SOURCES)
    ]


def log_prob(members: list[Reader], sentence: int, tokens: list[int]) -> float:
    """At each step the log of the mean of the tables' probabilities."""
    total = 0.0
    walks = [member.model.walk(list(member.sources[sentence]), tokens) for member in members]  # type: ignore[attr-defined]
    for step, token in enumerate(tokens):
        probs = [
            math.exp(float(member.model.table[walk[step], token]))  # type: ignore[attr-defined]
            for member, walk in zip(members, walks, strict=True)
        ]
        total += math.log(sum(probs) / len(probs))
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["none", "wu"])
def test_a_beam_as_wide_as_the_space_ranks_by_the_mean_of_the_tables(seed: int, kind: str) -> None:
    members = readers(seed, FIRST_WORD + 3)
    settings = decode_settings(beam_size=121, nbest=4, length_normalisation=kind)
    for sentence, hypotheses in enumerate(find_all(members, settings, CPU)):
        ranked = sorted(
            (-log_prob(members, sentence, tokens) / length_penalty(settings, len(tokens)), tokens)
            for tokens in members[0].model.all_hypotheses([7], 0, 4)  # type: ignore[attr-defined]
        )[:4]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [tokens for _, tokens in ranked]
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == pytest.approx([-score for score, _ in ranked], abs=1e-5)


@pytest.mark.parametrize("options", [{"beam_size": 1}, {"beam_size": 4}, {"search": "sampling"}])
def test_batching_changes_nothing(options: dict[str, int | str]) -> None:
    members = readers(1, 40)
    small, large = (
        find_all(
            members,
            decode_settings(nbest=4, max_length_offset=9, batch_tokens=tokens, **options),
            CPU,
        )
        for tokens in (8, 4000)
    )
    assert small == large
    for sentence, hypotheses in enumerate(large):
        for one in hypotheses:
            assert one.log_prob == pytest.approx(log_prob(members, sentence, one.tokens), abs=1e-4)


def test_one_alone_and_one_three_times_are_the_same() -> None:
    [first, *_] = readers(2, 40)
    settings = decode_settings(nbest=3)
    alone, thrice = (find_all([first] * times, settings, CPU) for times in (1, 3))
    for one, other in zip(alone, thrice, strict=True):
        assert [found.tokens for found in one] == [found.tokens for found in other]
        assert [found.log_prob for found in one] == pytest.approx(
            [found.log_prob for found in other], abs=1e-5
        )


def test_it_finds_what_its_members_do_not() -> None:
    members = readers(3, 40)
    settings = decode_settings(nbest=1)
    together = find_all(members, settings, CPU)
    for member in members:
        alone = find_all([member], settings, CPU)
        assert sum(a[0].tokens != b[0].tokens for a, b in zip(alone, together, strict=True)) > 5


def test_targets_are_scored_by_the_mean_of_the_tables() -> None:
    members = readers(0, 9)
    targets = [[4 + word % 5] * (word % 6) for word in range(len(SOURCES[0]))]
    small, large = (
        score_all(members, targets, decode_settings(batch_tokens=tokens), CPU)
        for tokens in (12, 4000)
    )
    assert small == large
    for sentence, (target, score) in enumerate(zip(targets, large, strict=True)):
        expected = -log_prob(members, sentence, [*target, EOS_ID])
        assert score.nats == pytest.approx(expected, abs=1e-5)
        assert score.tokens == len(target) + 1


def test_attention_is_that_of_the_first() -> None:
    members = readers(4, 12)
    found = find_all(members, decode_settings(), CPU, attention_maps=len(SOURCES[0]))
    for source, [hypothesis] in zip(members[0].sources, found, strict=True):
        assert hypothesis.attn_weights_TS is not None
        shape = (len(hypothesis.tokens), len(source) + 1)
        assert hypothesis.attn_weights_TS.shape == shape
        row = members[0].model.walk(list(source), hypothesis.tokens)[0]  # type: ignore[attr-defined]
        assert hypothesis.attn_weights_TS[0, 0] == row + 1


def test_no_probability_is_rounded_above_one() -> None:
    # The early stop of the beam rests on it. Each table is sure of one token after each prefix.
    logits = torch.full((9973, 8), -90.0)
    logits[:, 5] = 90.0
    sure = TableModel(logits.log_softmax(dim=-1))
    for count in range(2, 9):
        members = [Reader(sure, [[7], [8]])] * count
        found = find_all(members, decode_settings(min_length=4), CPU)
        assert all(one.log_prob <= 0 for hypotheses in found for one in hypotheses)
