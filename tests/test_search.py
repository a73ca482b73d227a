"""The approximate and the blocked search against the exact one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib import search
from dnalib.neighbors import build_graph


def mixture(n, d=24, topics=40, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(topics, d))[rng.integers(0, topics, n)] + 0.5 * rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def share_found(found, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true, strict=True)])


@given(st.integers(3, 60), st.integers(1, 59), st.integers(0, 99))
def test_blocks_find_what_the_exact_search_finds(n, k, seed):
    features, k = mixture(n, seed=seed), min(k, n - 1)
    expected = search.exact(features, k)
    found = search.exact_by_blocks(torch.from_numpy(features), k, elements=7 * n)
    np.testing.assert_allclose(found.similarities, expected.similarities, atol=1e-5)
    assert share_found(found.indices, expected.indices) > 0.999
    assert found.recall == expected.recall == 1


def test_the_recall_that_is_reported_is_the_recall_that_is_had():
    features = mixture(6000)
    exact = search.exact(features, 20)
    found = search.approximate(features, 20, target=0.9)
    true_recall = share_found(found.indices, exact.indices)
    assert 0.9 <= found.recall < 1
    assert found.recall == pytest.approx(true_recall, abs=0.015)


def test_a_higher_target_opens_more_cells():
    features = mixture(3000, d=48, topics=3000)
    low, high = (search.approximate(features, 10, target=target) for target in (0.3, 0.99))
    assert 0.3 <= low.recall < high.recall
    assert high.recall >= 0.99


def test_approximate_similarities_are_inner_products_in_falling_order_without_the_row_itself():
    features = mixture(2000)
    found = search.approximate(features, 15)
    assert not (found.indices == np.arange(2000)[:, None]).any()
    assert all(len(set(row)) == 15 for row in found.indices)
    assert (np.diff(found.similarities) <= 0).all()
    products = np.einsum("nd,nkd->nk", features, features[found.indices])
    np.testing.assert_allclose(found.similarities, products, atol=1e-3)


def test_cells_with_fewer_than_k_rows_are_widened_until_every_list_is_full():
    features = mixture(60)
    found = search.approximate(features, 59, target=0.0)
    assert all(set(row) == set(range(60)) - {i} for i, row in enumerate(found.indices))


def test_many_duplicates_do_not_lower_the_recall():
    features = np.repeat(mixture(30), 50, axis=0)
    found = search.approximate(features, 5)
    assert found.recall >= 0.95
    assert not (found.indices == np.arange(1500)[:, None]).any()


def test_the_same_seed_finds_the_same():
    features = mixture(3000)
    first, second = (search.approximate(features, 8, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)


def test_size_decides_and_the_graph_says_what_was_found(monkeypatch):
    features = mixture(1200)
    coarse = np.zeros(1200, dtype=np.int64)
    assert build_graph(features, coarse, 10).search_recall == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(search, "EXACT_UP_TO", 1000)
    graph = build_graph(features, coarse, 10)
    assert graph.search_recall == search.approximate(features, 10).recall
    np.testing.assert_array_equal(graph.indices, search.approximate(features, 10).indices)
