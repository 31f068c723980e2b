import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attn2seq.batching.sampler import BatchLimits, cut_batches, plan_batches

LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 90), st.integers(1, 9), st.integers(0, 5))
def test_each_pair_once_within_both_limits(
    lengths: list[tuple[int, int]], tokens: int, sentences: int, epoch: int
) -> None:
    src, tgt = map(np.array, zip(*lengths, strict=True))
    plan = plan_batches(src, tgt, BatchLimits(tokens, sentences), seed=1, epoch=epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    for indices in plan:
        longest = max(src[indices].max(), tgt[indices].max()) + 1
        assert len(indices) == 1 or len(indices) * longest <= tokens
        assert len(indices) <= sentences


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    src = np.random.default_rng(0).integers(1, 20, 200)
    limits = BatchLimits(100, 16)

    def order(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in plan_batches(src, src, limits, seed, epoch)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert len(order(1, 0)) == len(order(1, 1))


def test_little_is_spent_on_padding() -> None:
    generator = np.random.default_rng(0)
    src = generator.integers(3, 30, 5000)
    tgt = np.clip(src + generator.integers(-2, 3, 5000), 1, None)
    plan = plan_batches(src, tgt, BatchLimits(2000, 500), seed=1, epoch=0)
    padded = sum(len(batch) * (tgt[batch].max() + 1) for batch in plan)
    assert (tgt + 1).sum() / padded > 0.97


def test_cutting_by_hand() -> None:
    assert cut_batches(np.array([2, 2, 3]), BatchLimits(4, 9)) == [(0, 2), (2, 3)]
    assert cut_batches(np.array([2, 2, 3]), BatchLimits(100, 1)) == [(0, 1), (1, 2), (2, 3)]
    assert cut_batches(np.array([9]), BatchLimits(4, 9)) == [(0, 1)]
    assert cut_batches(np.array([], dtype=np.int64), BatchLimits(4, 9)) == []
