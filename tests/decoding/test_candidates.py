import pytest
import torch

from attn2seq.decoding.candidates import best_continuations, first_best


@pytest.mark.parametrize("rows", [1, 40])  # few values, and many
def test_first_best_is_a_stable_sort_cut_short(rows: int) -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randint(-4, 3, (rows, 200), generator=generator).float()
    values[values == -4] = -torch.inf
    values[0, 0], values[0, 1:] = -0.0, 0.0
    expected = values.sort(dim=-1, descending=True, stable=True).indices[:, :17]
    assert torch.equal(first_best(values, 17), expected)


@pytest.mark.parametrize("vocabulary", [5, 63, 64, 65, 500])
@pytest.mark.parametrize("beam", [1, 3, 20])
@pytest.mark.parametrize("ties", [True, False])
def test_best_continuations_equal_a_sort_of_all_sums(
    vocabulary: int, beam: int, ties: bool
) -> None:
    generator = torch.Generator().manual_seed(vocabulary + beam)
    scores_BK = torch.randn(6, beam, generator=generator)
    log_probs_BKV = torch.randn(6, beam, vocabulary, generator=generator)
    if ties:
        scores_BK, log_probs_BKV = scores_BK.round(), log_probs_BKV.round()
    log_probs_BKV[:, :, 1] = -torch.inf
    sums = (scores_BK.unsqueeze(-1) + log_probs_BKV).flatten(1)
    values, places = sums.sort(dim=-1, descending=True, stable=True)

    scores, hypotheses, tokens = best_continuations(scores_BK, log_probs_BKV, beam)

    assert torch.equal(scores, values[:, :beam])
    assert torch.equal(hypotheses * vocabulary + tokens, places[:, :beam])


def test_free_places_of_a_beam_come_last() -> None:
    scores_BK = torch.tensor([[0.0, -torch.inf]])
    log_probs_BKV = torch.tensor([[[-2.0, -1.0], [0.0, 0.0]]])
    scores, hypotheses, tokens = best_continuations(scores_BK, log_probs_BKV, 2)
    assert scores.tolist() == [[-1.0, -2.0]]
    assert hypotheses.tolist() == [[0, 0]]
    assert tokens.tolist() == [[1, 0]]
