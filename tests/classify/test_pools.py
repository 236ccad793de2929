"""Pools of rows: each row once, in every pool the share of each class and manipulation that all rows have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.heads import pools as module
from classify.heads.pools import pools
from classify.stream import Stream

BLOCK, POOL = 4, 40


@pytest.fixture(autouse=True, scope="module")
def small() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", BLOCK)
        patch.setattr(module, "POOL", POOL)
        yield


def numbered(rows: int) -> Stream:
    """A stream whose only feature is the number of the row."""
    return Stream(lambda some: some[:, None].astype(np.float32), np.arange(rows), 1)


def nothing_is_drawn(rows: int) -> np.ndarray:
    raise AssertionError(f"an order of {rows} was drawn")


def test_an_array_is_one_pool_as_it_is() -> None:
    X = np.zeros((POOL + 1, 2))
    ((rows, features),) = pools(X, np.arange(len(X)) % 2, nothing_is_drawn)
    assert features is X and rows == slice(None)


def test_a_short_stream_is_one_pool_in_its_order() -> None:
    ((rows, features),) = pools(numbered(POOL), np.arange(POOL) % 2, nothing_is_drawn)
    assert np.array_equal(rows, np.arange(POOL)) and np.array_equal(features[:, 0], rows)


@given(st.lists(st.integers(1, 90), min_size=2, max_size=5), st.booleans(), st.integers(0, 5))
def test_each_row_is_in_one_pool_and_the_pools_are_alike(counts: list[int], mixed: bool, seed: int) -> None:
    kind = np.repeat(np.arange(len(counts)), counts)  # reals, then one manipulation behind the other
    if mixed:
        kind[np.random.default_rng(seed).random(len(kind)) < 0.4] = 0  # reals between them
    found = list(pools(numbered(len(kind)), (kind > 0).astype(int), np.random.RandomState(seed).permutation))
    assert len(found) == -(-len(kind) // POOL)
    assert sorted(np.concatenate([rows for rows, _ in found])) == list(range(len(kind)))
    for rows, features in found:
        assert (np.diff(rows) > 0).all() and np.array_equal(features[:, 0], rows) and features.dtype == np.float32
        assert len(rows) <= POOL + BLOCK
    shares = np.array([np.bincount(kind[rows], minlength=len(counts)) for rows, _ in found])
    assert (np.ptp(shares, axis=0) <= 2 * BLOCK).all()


def test_neighbours_are_read_together() -> None:
    codes = (np.arange(400) >= 160).astype(int)
    for rows, _ in pools(numbered(400), codes, np.random.RandomState(0).permutation):
        assert np.array_equal(rows.reshape(-1, BLOCK)[:, 0] % BLOCK, np.zeros(len(rows) // BLOCK))
        assert (np.ptp(rows.reshape(-1, BLOCK), axis=1) == BLOCK - 1).all()


def test_every_pass_deals_anew_and_a_seed_repeats_it() -> None:
    def passes(seed: int) -> list[list[int]]:
        draws, codes = np.random.RandomState(seed), np.arange(100) % 2
        return [rows.tolist() for _ in range(2) for rows, _ in pools(numbered(100), codes, draws.permutation)]

    first = passes(0)
    assert first[:3] != first[3:]
    assert passes(0) == first != passes(1)
