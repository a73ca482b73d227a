"""Hand-computed scores, invariants, and the errors of `dnalib.clustering`."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering, KMeans
from threadpoolctl import threadpool_limits

from dnalib.clustering import (
    Clustering,
    accuracy,
    align,
    ari,
    assign_clusters,
    cluster_and_score,
    kmeans,
    nmi,
    score,
    score_over_seeds,
)

PERFECT = {"acc": 100.0, "ari": 100.0, "nmi": 100.0}


@st.composite
def two_labelings(draw):
    n = draw(st.integers(1, 40))
    labels = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    return np.array(draw(labels)), np.array(draw(labels))


def blobs(n_per_blob=20, n_blobs=4, seed=0):
    generator = np.random.default_rng(seed)
    centers = 10 * np.eye(n_blobs)
    labels = np.repeat(np.arange(n_blobs), n_per_blob)
    return centers[labels] + generator.normal(scale=0.1, size=(len(labels), n_blobs)), labels


# --- starts --------------------------------------------------------------------------------------


def test_a_start_from_wards_clusters_is_what_scikit_learn_makes_of_them():
    rows, _ = blobs(n_per_blob=15, seed=3)
    rows += np.random.default_rng(0).normal(scale=4, size=rows.shape)
    joined = AgglomerativeClustering(6, linkage="ward").fit_predict(rows)
    means = np.array([rows[joined == cluster].mean(axis=0) for cluster in range(6)])
    plain = KMeans(6, init=means, n_init=1).fit(rows)
    found = kmeans(rows, 6, start="ward", seed=7)
    np.testing.assert_array_equal(found.labels, plain.labels_)
    assert found.inertia == pytest.approx(plain.inertia_)
    assert found.inertia <= sum(((rows[joined == c] - means[c]) ** 2).sum() for c in range(6))


@given(st.integers(1, 12), st.integers(0, 3))
def test_a_start_from_wards_clusters_gives_as_many_as_asked_for(n_clusters, seed):
    rows = np.random.default_rng(seed).normal(size=(12, 3))
    found = kmeans(rows, n_clusters, start="ward")
    assert found.n_clusters == len(np.unique(found.labels)) == n_clusters
    assert found.inertia == pytest.approx(((rows - found.centers[found.labels]) ** 2).sum())


def test_an_automatic_start_is_wards_where_that_is_possible(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    assert kmeans(rows, 7, start="auto").inertia == kmeans(rows, 7, start="ward").inertia
    monkeypatch.setattr(import_module("dnalib.clustering.kmeans"), "MOST_ROWS_OF_WARD", 59)
    by_chance = kmeans(rows, 7, n_init=1, seed=5)
    assert kmeans(rows, 7, n_init=1, seed=5, start="auto").inertia == by_chance.inertia


def test_an_unknown_start_and_too_many_rows_for_ward_are_refused():
    with pytest.raises(
        ValueError, match=r"start is 'wards', expected one of k-means\+\+, ward, auto"
    ):
        kmeans(blobs()[0], 4, start="wards")
    with pytest.raises(ValueError, match="20001 rows, expected at most 20000"):
        kmeans(np.zeros((20_001, 1)), 4, start="ward")


# --- alignment -----------------------------------------------------------------------------------


@given(st.permutations(range(4)))
def test_aligned_clusters_keep_their_numbers_whatever_the_new_ones_are(order):
    found = kmeans(blobs()[0], 4)
    order = np.array(order)
    renumbered = Clustering(order[found.labels], found.centers[np.argsort(order)], found.inertia)
    aligned = align(renumbered, found.centers + 0.5)
    np.testing.assert_array_equal(aligned.labels, found.labels)
    np.testing.assert_array_equal(aligned.centers, found.centers)


def test_the_best_alignment_is_not_the_greedy_one():
    # Cluster 0 is nearest to the earlier 0, but then cluster 1 would be left with the far one.
    clustering = Clustering(np.array([0, 1]), np.array([[1.0], [-0.5]]), 0.0)
    assert align(clustering, [[0.0], [4.0]]).labels.tolist() == [1, 0]


def test_centers_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 2\) but those of the clustering \(4, 4\)"):
        align(kmeans(blobs()[0], 4), np.zeros((3, 2)))


# --- scores by hand ------------------------------------------------------------------------------


def test_permuted_labels_are_perfect():
    assert score([0, 0, 1, 1, 2], [2, 2, 0, 0, 1]) == pytest.approx(PERFECT)


def test_the_best_matching_is_not_the_greedy_one():
    # Counts (cluster x category): a: 3, 2; b: 2, 0. Greedy takes a->0 (3) and is left with b->1
    # (0); the best is a->1 and b->0, 2 + 2 of 7.
    true = [0, 0, 0, 1, 1, 0, 0]
    predicted = ["a", "a", "a", "a", "a", "b", "b"]
    assert assign_clusters(true, predicted) == {"a": 1, "b": 0}
    assert accuracy(true, predicted) == pytest.approx(4 / 7)


def test_ari_and_nmi_by_hand():
    # Table [[2, 1], [0, 1]]. Pairs together in both: 1; in true: 1 + 1; in predicted: 3 + 0; of 6.
    # Expected 2 * 3 / 6 = 1, so ARI = (1 - 1) / ((2 + 3) / 2 - 1) = 0.
    true, predicted = [0, 0, 1, 1], [0, 0, 0, 1]
    assert ari(true, predicted) == pytest.approx(0.0)
    # H(true) = log 2; H(predicted) = -(3/4 log 3/4 + 1/4 log 1/4);
    # H(true | predicted) = 3/4 * H(2/3, 1/3).
    h_true = np.log(2)
    h_predicted = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    h_conditional = -0.75 * (2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    expected = (h_true - h_conditional) / ((h_true + h_predicted) / 2)
    assert nmi(true, predicted) == pytest.approx(expected)
    # A geometric mean would give another value, so that the test tells the two apart.
    assert nmi(true, predicted) != pytest.approx(
        (h_true - h_conditional) / np.sqrt(h_true * h_predicted), abs=1e-3
    )


def test_more_clusters_than_categories_leaves_clusters_unmatched():
    true, predicted = [0, 0, 0, 1, 1], [0, 0, 3, 1, 2]
    mapping = assign_clusters(true, predicted)
    assert mapping[0] == 0 and len(mapping) == 2
    assert accuracy(true, predicted) == pytest.approx(3 / 5)


def test_fewer_clusters_than_categories_leaves_categories_unmatched():
    true, predicted = [0, 0, 1, 1, 1, 2], [9, 9, 4, 4, 4, 4]
    assert assign_clusters(true, predicted) == {9: 0, 4: 1}
    assert accuracy(true, predicted) == pytest.approx(5 / 6)


def test_single_cluster_scores_the_majority_share_and_nothing_else():
    true = [0, 0, 0, 1]
    assert score(true, [5, 5, 5, 5]) == pytest.approx({"acc": 75.0, "ari": 0.0, "nmi": 0.0})


def test_single_category_in_a_single_cluster_is_perfect():
    assert score([3, 3, 3], [0, 0, 0]) == pytest.approx(PERFECT)


def test_one_sample():
    assert score([4], [0]) == pytest.approx(PERFECT)


@pytest.mark.parametrize("kind", [list, pd.Series, lambda names: np.array(names, dtype=object)])
def test_string_labels(kind):
    assert assign_clusters(kind(["cat", "cat", "dog"]), [7, 7, 0]) == {0: "dog", 7: "cat"}


# --- invariants ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(two_labelings(), st.permutations(range(6)))
def test_renumbering_clusters_changes_no_score(labelings, permutation):
    true, predicted = labelings
    renumbered = np.array(permutation)[predicted]
    assert score(true, renumbered) == pytest.approx(score(true, predicted), abs=1e-9)


@settings(deadline=None)
@given(two_labelings())
def test_a_labeling_scores_perfectly_against_itself(labelings):
    true, _ = labelings
    assert score(true, true) == pytest.approx(PERFECT)


@settings(deadline=None)
@given(two_labelings())
def test_accuracy_lies_between_its_bounds(labelings):
    true, predicted = labelings
    # One cell of the table can always be matched; no cluster can give more than its majority.
    pairs = list(zip(true.tolist(), predicted.tolist(), strict=True))
    largest_cell = max(pairs.count(pair) for pair in pairs)
    purity = sum(np.bincount(true[predicted == c]).max() for c in np.unique(predicted))
    assert largest_cell / len(true) - 1e-12 <= accuracy(true, predicted)
    assert accuracy(true, predicted) <= purity / len(true) + 1e-12


@settings(deadline=None)
@given(two_labelings())
def test_accuracy_is_what_the_assignment_gets_right(labelings):
    true, predicted = labelings
    mapping = assign_clusters(true, predicted)
    assert len(set(mapping.values())) == len(mapping)
    right = [mapping.get(p) == t for p, t in zip(predicted.tolist(), true.tolist(), strict=True)]
    assert accuracy(true, predicted) == pytest.approx(np.mean(right))


@settings(deadline=None)
@given(two_labelings())
def test_scores_are_symmetric_and_bounded(labelings):
    true, predicted = labelings
    forward, backward = score(true, predicted), score(predicted, true)
    assert forward == pytest.approx(backward, abs=1e-9)
    assert 0 <= forward["acc"] <= 100 and 0 <= forward["nmi"] <= 100
    assert -50 - 1e-9 <= forward["ari"] <= 100


# --- k-means -------------------------------------------------------------------------------------


def test_kmeans_recovers_separated_blobs():
    features, labels = blobs()
    found = kmeans(features, 4, n_init=3)
    assert accuracy(labels, found.labels) == 1.0
    assert found.centers.shape == (4, 4) and found.n_clusters == 4
    assert found.labels.dtype == np.int64


def test_kmeans_inertia_and_centers_are_those_of_its_labels():
    features, _ = blobs()
    found = kmeans(features, 3, n_init=2)
    assert found.inertia == pytest.approx(np.sum((features - found.centers[found.labels]) ** 2))
    for cluster, center in enumerate(found.centers):
        np.testing.assert_allclose(center, features[found.labels == cluster].mean(axis=0))


def test_kmeans_repeats_with_its_seed():
    features = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32)
    first, second = (kmeans(features, 12, n_init=2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.inertia == second.inertia


@settings(deadline=None, max_examples=25)
@given(
    st.integers(2, 300), st.integers(1, 20), st.integers(1, 12), st.integers(1, 4),
    st.integers(0, 999), st.sampled_from([np.float32, np.float64, np.int64]),
)  # fmt: skip
def test_kmeans_is_scikit_learns_with_the_starts_drawn_together(
    n, d, clusters, n_init, seed, dtype
):
    features = np.random.default_rng(seed).normal(scale=5, size=(n, d)).astype(dtype)
    clusters = min(clusters, len(np.unique(features, axis=0)))
    plain = KMeans(clusters, n_init=n_init, random_state=seed)
    with threadpool_limits(limits=1, user_api="openmp"):
        plain.fit(features)
    found = kmeans(features, clusters, n_init=n_init, seed=seed)
    np.testing.assert_array_equal(found.labels, plain.labels_)
    np.testing.assert_array_equal(found.centers, plain.cluster_centers_)
    assert found.inertia == plain.inertia_


def test_kmeans_single_cluster_is_the_mean():
    features = np.array([[0.0, 0.0], [2.0, 4.0]])
    found = kmeans(features, 1)
    np.testing.assert_allclose(found.centers, [[1.0, 2.0]])
    assert found.inertia == pytest.approx(10.0)


def test_cluster_and_score_takes_the_number_of_categories():
    features, labels = blobs()
    assert cluster_and_score(features, labels, n_init=3) == pytest.approx(PERFECT)
    merged = cluster_and_score(features, labels, n_clusters=2, n_init=3)
    assert merged["acc"] == pytest.approx(50.0)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_clusters", [0, 4])
def test_impossible_numbers_of_clusters(n_clusters):
    with pytest.raises(ValueError, match=rf"n_clusters={n_clusters} was asked of 3 rows"):
        kmeans(np.zeros((3, 2)), n_clusters)


def test_nan_rows_are_named():
    features = np.zeros((5, 2))
    features[[2, 4], 1] = np.nan
    with pytest.raises(ValueError, match=r"row 2 of the features .*\(2 such rows"):
        kmeans(features, 2)


@pytest.mark.parametrize("shape", [(4,), (0, 3), (2, 2, 2)])
def test_features_must_be_a_matrix(shape):
    with pytest.raises(ValueError, match="non-empty matrix"):
        kmeans(np.zeros(shape), 1)


@pytest.mark.parametrize("true, predicted", [([], []), ([0, 1], [0]), ([[0]], [[0]])])
@pytest.mark.parametrize("function", [accuracy, ari, nmi, assign_clusters, score])
def test_labels_must_be_paired(function, true, predicted):
    with pytest.raises(ValueError, match="same length"):
        function(true, predicted)


def test_features_and_fine_labels_must_be_paired():
    with pytest.raises(ValueError, match="features have 3 rows but there are 2 fine labels"):
        cluster_and_score(np.zeros((3, 2)), [0, 1])


def test_score_over_seeds_is_one_clustering_a_seed():
    features = np.random.default_rng(0).normal(size=(60, 5))
    fine = np.arange(60) % 7
    rows = score_over_seeds(features, fine, n_clusters=7, n_init=1, seeds=(3, 8))
    assert [row.pop("seed") for row in rows] == [3, 8]
    assert rows == [cluster_and_score(features, fine, n_init=1, seed=seed) for seed in (3, 8)]
    assert rows[0] != rows[1]
