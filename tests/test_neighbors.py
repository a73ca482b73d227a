"""Retrieval and the three filters, against loops written in the paper's words."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dnalib import neighbors
from dnalib.neighbors import NeighborGraph, build_graph, released_positives, retrieve

SIZES = st.tuples(st.integers(3, 25), st.integers(2, 8), st.integers(1, 24), st.integers(0, 999))


def make_features(n, d, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True), rng.integers(0, 3, n)


def make_case(size):
    n, d, k, seed = size
    features, coarse = make_features(n, d, seed)
    return features, coarse, min(k, n - 1)


def loop_filters(features, coarse, indices, m):
    """Each filter by its definition, one pair at a time."""
    n, k = indices.shape
    keep = {name: np.zeros((n, k), dtype=bool) for name in neighbors.FILTERS}
    tops = [set(np.argsort(-row, kind="stable")[:m]) for row in features]
    for i in range(n):
        for place, j in enumerate(indices[i]):
            keep["label"][i, place] = coarse[i] == coarse[j]
            keep["reciprocal"][i, place] = i in indices[j]
            keep["rank"][i, place] = tops[i] == tops[j]
    return keep


@given(SIZES)
def test_retrieval_equals_sorting_all_inner_products(size):
    features, _, k = make_case(size)
    indices, similarities = retrieve(features, k)
    products = features @ features.T
    np.fill_diagonal(products, -np.inf)
    expected = np.sort(products, axis=1)[:, ::-1][:, :k]
    np.testing.assert_allclose(similarities, expected, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(products, indices, 1), expected, atol=1e-5)


def test_the_text_itself_is_never_its_neighbor_even_among_duplicates():
    features = np.tile(np.float32([[1.0, 0.0]]), (20, 1))
    indices, _ = retrieve(features, 5)
    assert indices.shape == (20, 5)
    assert not (indices == np.arange(20)[:, None]).any()


@given(SIZES, st.integers(1, 3))
def test_each_filter_and_every_combination_equals_the_loop(size, m):
    features, coarse, k = make_case(size)
    m = min(m, features.shape[1])
    indices, _ = retrieve(features, k)
    loop = loop_filters(features, coarse, indices, m)
    for count in range(4):
        for names in itertools.combinations(neighbors.FILTERS, count):
            graph = build_graph(features, coarse, k, names, m)
            expected = np.ones_like(graph.keep)
            for name in names:
                expected &= loop[name]
            np.testing.assert_array_equal(graph.keep, expected)


@given(SIZES)
def test_reciprocity_is_symmetric_and_kept_labels_are_pure(size):
    features, coarse, k = make_case(size)
    graph = build_graph(features, coarse, k, ("label", "reciprocal"))
    pairs = {(i, j) for i, row in enumerate(graph.positives()) for j in row if j >= 0}
    assert pairs == {(j, i) for i, j in pairs}
    assert all(coarse[i] == coarse[j] for i, j in pairs)


@given(st.integers(0, 999))
def test_rank_filter_looks_at_the_set_and_not_at_its_order(seed):
    rng = np.random.default_rng(seed)
    row = np.concatenate([rng.uniform(1, 2, 3), rng.uniform(-1, 0, 4)])
    other = np.concatenate([rng.permutation(row[:3]), row[3:]])
    indices = np.array([[1], [0]])
    assert neighbors.rank_filter(indices, np.stack([row, other]), m=3).all()
    other[[0, 6]] = other[[6, 0]]
    assert not neighbors.rank_filter(indices, np.stack([row, other]), m=3).any()


def test_precision_recall_and_kept_share_by_hand():
    indices = np.array([[1, 2], [0, 3], [3, 0], [2, 1]])
    keep = np.array([[True, True], [True, False], [False, False], [True, True]])
    graph = NeighborGraph(indices, np.zeros((4, 2), np.float32), keep)
    fine = np.array([0, 0, 1, 1])
    # Kept: 0-1 right, 0-2 wrong, 1-0 right, 3-2 right, 3-1 wrong.
    assert neighbors.precision(graph, fine) == pytest.approx(3 / 5)
    # Each text has one other of its category, and three of the four keep it.
    assert neighbors.recall(graph, fine) == pytest.approx(3 / 4)
    assert graph.kept_share == pytest.approx(5 / 8)
    assert graph.positives().tolist() == [[1, 2], [0, -1], [-1, -1], [2, 1]]


def test_fine_labels_may_be_names():
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    numbers = np.arange(30) % 3
    graph = neighbors.build_graph(features, numbers, 5, ["reciprocal"])
    names = np.array(["a", "b", "c"])[numbers]
    for measure in (neighbors.precision, neighbors.recall):
        assert measure(graph, names) == measure(graph, numbers - 1) == measure(graph, numbers)


def test_precision_of_an_empty_graph_is_not_a_number():
    graph = NeighborGraph(np.array([[1], [0]]), np.zeros((2, 1)), np.zeros((2, 1), bool))
    assert np.isnan(neighbors.precision(graph, np.array([0, 0])))
    assert np.isnan(neighbors.recall(graph, np.array([0, 1])))


def released_mask(graph, queries):
    """The released code's mask, as methods.md tells it: a row a query, a column a text."""
    mask = np.zeros((len(queries), graph.n))
    for row, query in enumerate(queries):
        mask[row][query] = 1
        for neighbor, kept in zip(graph.indices[query], graph.keep[query], strict=True):
            mask[row][neighbor if kept else -1] = 1
        mask[row][row] = 0
    return mask


@given(SIZES)
def test_compat_positives_equal_the_released_mask(size):
    features, coarse, k = make_case(size)
    graph = build_graph(features, coarse, k, ("label", "reciprocal"))
    queries = np.random.default_rng(size[3]).permutation(len(features))[: max(1, k)]
    mask = np.zeros((len(queries), graph.n))
    for row, positives in enumerate(released_positives(graph, queries)):
        np.add.at(mask[row], positives[positives >= 0], 1)
    np.testing.assert_array_equal(mask, released_mask(graph, queries))


def test_compat_gives_the_last_text_to_every_query_with_a_filtered_neighbor():
    features, coarse = make_features(12, 4, 0)
    graph = build_graph(features, coarse, 4, m=2)
    filtered = np.flatnonzero((~graph.keep).any(axis=1) & (np.arange(12) != 11))
    positives = released_positives(graph, filtered[:8])
    assert len(filtered) > 3
    assert all(11 in row for row in positives)


@pytest.mark.parametrize("k", [0, 5, 6])
def test_k_out_of_range_is_one_sentence(k):
    with pytest.raises(ValueError, match=rf"k is {k} but there are 5 texts: expected 1 to 4"):
        retrieve(np.eye(5, dtype=np.float32), k)


def test_other_bad_input_is_one_sentence():
    features = np.eye(5, dtype=np.float32)
    with pytest.raises(ValueError, match="filter 'labels' is unknown: expected one of label"):
        build_graph(features, np.zeros(5, int), 2, ("labels",))
    with pytest.raises(ValueError, match="m is 6: expected 1 to 5"):
        build_graph(features, np.zeros(5, int), 2, ("rank",), m=6)
    features[2, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        retrieve(features, 2)


FILTERS_ALONE = {
    "label": lambda indices, rows: neighbors.label_filter(indices, rows[:, 0]),
    "reciprocal": lambda indices, rows: neighbors.reciprocal_filter(indices),
    "rank": lambda indices, rows: neighbors.rank_filter(indices, rows, 2),
}
ANY_INDICES = st.one_of(
    arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(0, 4)), elements=st.integers(-2, 7)),
    arrays(np.int64, st.integers(0, 6), elements=st.integers(0, 5)),
    arrays(np.float64, (3, 2), elements=st.integers(0, 2)),
)


@pytest.mark.parametrize("name", FILTERS_ALONE)
@settings(max_examples=300)
@given(indices=ANY_INDICES, n=st.integers(0, 7), seed=st.integers(0, 9))
def test_any_indices_are_filtered_or_refused_in_one_sentence(name, indices, n, seed):
    rows = np.random.default_rng(seed).integers(0, 3, (n, 4))
    before = indices.copy()
    whole = indices.ndim == 2 and indices.size > 0 and indices.dtype.kind == "i"
    right = whole and ((indices >= 0) & (indices < len(indices))).all()
    if name == "reciprocal":
        right = right and all(len(set(row)) == len(row) for row in indices.tolist())
    else:
        right = right and n == len(indices)
    try:
        keep = FILTERS_ALONE[name](indices, rows)
    except ValueError as error:
        assert not right and len(str(error).splitlines()) == 1
    else:
        assert right and keep.shape == indices.shape and keep.dtype == bool
    np.testing.assert_array_equal(indices, before)


@settings(max_examples=300)
@given(
    features=arrays(
        np.float32,
        st.one_of(st.tuples(st.integers(0, 6), st.integers(1, 4)), st.tuples(st.integers(0, 6))),
        elements=st.floats(width=32),
    ),
    labels=st.integers(0, 7),
    k=st.integers(-1, 7),
    m=st.integers(-1, 6),
    filters=st.lists(st.sampled_from([*neighbors.FILTERS, "labels"]), max_size=3),
)
def test_any_features_make_a_graph_or_are_refused_in_one_sentence(features, labels, k, m, filters):
    try:
        graph = build_graph(features, np.zeros(labels, dtype=np.int64), k, filters, m)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert graph.keep.shape == graph.indices.shape == (len(features), k)
        assert not (graph.indices == np.arange(len(features))[:, None]).any()
        assert graph.indices.min() >= 0 and graph.indices.max() < len(features)
