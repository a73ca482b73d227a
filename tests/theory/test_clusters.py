"""When attraction to neighborhoods is the k-means objective, and when it is not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnalib import theory
from tests.theory.problems import close


def within_cluster_sse(features, labels):
    total = 0.0
    for label in np.unique(labels):
        members = features[labels == label]
        total += float(((members - members.mean(0)) ** 2).sum())
    return total


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=25), st.integers(0, 1000))
def test_a_partition_gives_the_kmeans_objective(labels, seed):
    labels = np.array(labels)
    features = np.random.default_rng(seed).normal(size=(len(labels), 3))
    found = theory.kmeans_gap(features, theory.partition_positives(labels), labels)
    assert found.is_partition
    close(found.cluster_sse, within_cluster_sse(features, labels))
    close(found.gap, 0.0)


def test_a_partition_without_self_inflates_each_block():
    labels = np.array([0] * 4 + [1] * 7)
    features = np.random.default_rng(0).normal(size=(11, 3))
    positives = theory.partition_positives(labels, include_self=False)
    found = theory.kmeans_gap(features, positives, labels)
    expected = sum(
        (n / (n - 1)) ** 2 * within_cluster_sse(features[labels == c], labels[labels == c])
        for c, n in ((0, 4), (1, 7))
    )
    close(found.neighborhood_sse, expected)
    assert not found.is_partition and found.gap > 0


def test_kmeans_gap_agrees_with_fitted_kmeans():
    from dnalib.clustering import kmeans

    features = np.random.default_rng(2).normal(size=(60, 4))
    fitted = kmeans(features, 5, n_init=2)
    found = theory.kmeans_gap(features, theory.partition_positives(fitted.labels), fitted.labels)
    assert found.neighborhood_sse == pytest.approx(fitted.inertia, rel=1e-10)


@pytest.mark.parametrize("n", [4, 12, 100])
def test_circle_counterexample(n):
    features, positives, labels = theory.circle_counterexample(n)
    found = theory.kmeans_gap(features, positives, labels)
    angle = 2 * math.pi / n
    close(found.neighborhood_sse, n * (2 * (1 - math.cos(angle)) / 3) ** 2)
    close(found.cluster_sse, within_cluster_sse(features.numpy(), labels.numpy()))
    assert not found.is_partition
    if n >= 12:
        assert found.cluster_sse > 30 * found.neighborhood_sse


def test_a_missing_member_is_no_partition():
    labels = [0, 0, 0]
    found = theory.kmeans_gap(np.eye(3), [[0, 1, 2], [0, 1, -1], [0, 1, 2]], labels)
    assert not found.is_partition


def test_partition_positives():
    assert theory.partition_positives([5, 2, 5]).tolist() == [[0, 2], [1, -1], [0, 2]]
    without_self = theory.partition_positives([5, 2, 5], include_self=False)
    assert without_self.tolist() == [[-1, 2], [-1, -1], [0, -1]]
