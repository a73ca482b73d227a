"""Clusters inside known parents, and how many there are."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.clustering import (
    NumberEstimate,
    accuracy,
    cluster_within,
    estimate_n_clusters,
    kmeans,
    number,
    share_out,
    usual_rules,
)


def blobs(n_groups, size, spread=0.15, d=16, seed=0):
    """Unit rows in groups around random directions, and their groups."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    rows = rng.normal(size=(n_groups, d))
    rows = rows[groups] / np.linalg.norm(rows[groups], axis=1, keepdims=True)
    rows = rows + spread * rng.normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), groups


def shared_by_hand(total, sizes):
    """Webster's rule as a sorted list of claims."""
    claims = [
        (-size / (2 * held + 1), place, held)
        for place, size in enumerate(sizes)
        for held in range(1, size)
    ]
    won = [place for _, place, _ in sorted(claims)[: total - len(sizes)]]
    return [1 + won.count(place) for place in range(len(sizes))]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.data())
def test_shares_are_websters(sizes, data):
    total = data.draw(st.integers(len(sizes), sum(sizes)))
    shares = list(share_out(total, dict(enumerate(sizes))).values())
    assert shares == shared_by_hand(total, sizes)
    assert sum(shares) == total
    assert all(1 <= share <= size for share, size in zip(shares, sizes, strict=True))


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    seed=st.integers(0, 5),
    data=st.data(),
)
def test_every_cluster_lies_in_one_class(sizes, seed, data):
    rng = np.random.default_rng(seed)
    coarse = rng.permutation(np.repeat(10 * np.arange(len(sizes)), sizes))
    features = rng.normal(size=(len(coarse), 3))
    total = data.draw(st.integers(len(sizes), len(coarse)))
    found = cluster_within(features, coarse, total, n_init=1, seed=seed)
    assert (found.parents[found.labels] == coarse).all()
    assert found.n_clusters == len(found.parents) == total
    assert sorted(set(found.labels.tolist())) == list(range(total))
    for cluster in range(total):
        np.testing.assert_allclose(
            found.centers[cluster], features[found.labels == cluster].mean(0)
        )


def test_one_class_is_plain_kmeans():
    features, _ = blobs(4, 10)
    found = cluster_within(features, np.zeros(40), {0: 4}, seed=3)
    plain = kmeans(features, 4, seed=3)
    assert accuracy(plain.labels, found.labels) == 1.0
    assert found.inertia == pytest.approx(plain.inertia)


def test_the_largest_of_a_class_comes_first():
    features = np.array([[0.0], [9.0], [9.1], [0.0], [5.0], [5.1], [5.2]])
    found = cluster_within(features, [1, 1, 1, 0, 0, 0, 0], {0: 2, 1: 2})
    assert found.labels.tolist() == [3, 2, 2, 1, 0, 0, 0]


@pytest.mark.parametrize("rule", ["communities", "silhouette"])
@pytest.mark.parametrize("true", [2, 3, 8])
def test_well_separated_groups_are_counted(true, rule):
    features, _ = blobs(true, 40, spread=0.08)
    found = estimate_n_clusters(features, rule=rule)
    assert found.low <= found.estimate == true <= found.high


def test_the_estimate_is_repeatable_and_bounded():
    features, _ = blobs(5, 30, spread=0.3)
    first, second = estimate_n_clusters(features, seed=1), estimate_n_clusters(features, seed=1)
    assert first == second and 1 <= first.low <= first.estimate <= first.high


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7])
def test_few_rows_have_an_estimate(n):
    found = estimate_n_clusters(np.eye(8, dtype=np.float32)[:n], rule="silhouette")
    assert 1 <= found.low <= found.estimate <= found.high <= n


@pytest.mark.parametrize("rule", ["communities", "silhouette"])
def test_rows_that_are_all_the_same_are_one_category(rule):
    same = np.tile(np.eye(4, dtype=np.float32)[:1], (30, 1))
    assert estimate_n_clusters(same, rule=rule) == NumberEstimate(1, 1, 1)


def test_no_more_numbers_are_tried_than_there_are_distinct_rows():
    few = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    assert number._tried(few, 60).tolist() == [2, 3]
    assert estimate_n_clusters(few, rule="silhouette").estimate == 3


def test_rows_hardly_apart_have_an_estimate_although_kmeans_finds_one_cluster(monkeypatch):
    one = SimpleNamespace(labels=np.zeros(40, dtype=int), inertia=0.0, centers=np.eye(8)[:1])
    monkeypatch.setattr(number, "kmeans", lambda *args, **options: one)
    rows, _ = blobs(2, 20, d=8)
    assert estimate_n_clusters(rows, rule="silhouette").estimate >= 1
    assert usual_rules(rows)["dropping"] == 1


def test_unknown_rule():
    with pytest.raises(ValueError, match="rule is 'gap', expected"):
        estimate_n_clusters(np.eye(8), rule="gap")


def test_usual_rules_count_plain_groups():
    features, _ = blobs(6, 40, spread=0.05)
    rules = usual_rules(features, most=12)
    assert rules["largest silhouette"] == 6
    assert rules["agreeing halves"] in (5, 6, 7)
    assert 4 <= rules["elbow"] <= 8
    assert 1 <= rules["dropping"] <= 12


@pytest.mark.parametrize(
    ("coarse", "n_clusters", "sentence"),
    [
        ([0, 0, 1, 1], 1, "1 clusters were asked of 2 coarse classes with 4 rows"),
        ([0, 0, 1, 1], 5, "expected 2 to 4"),
        ([0, 0, 1, 1], {0: 1}, "coarse class 1 has no number"),
        ([0, 0, 1, 1], {0: 3, 1: 1}, "n_clusters=3 was asked of 2 rows"),
        ([0, 0, 1, 1], {0: 1.9, 1: 1}, "clusters of class 0 is 1.9: expected a whole number"),
        ([0, 0, 1], 2, "coarse labels have shape"),
    ],
)
def test_bad_input(coarse, n_clusters, sentence):
    with pytest.raises(ValueError, match=sentence):
        cluster_within(np.eye(4), coarse, n_clusters)
