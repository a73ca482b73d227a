"""Retrieval and probes against naive loops."""

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.retrieval import linear_probe, recall_at_k, seen_scores, unseen_scores, weighted_knn


def make_rows(n, d, n_labels, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), rng.integers(0, n_labels, n)


@given(st.integers(10, 40), st.integers(1, 5), st.integers(0, 100))
def test_recall_is_that_of_a_naive_loop(n, n_labels, seed):
    rows, labels = make_rows(n, 4, n_labels, seed)
    ks = (1, 2, 4, 8)
    hits = dict.fromkeys(ks, 0)
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: -(rows[i] @ rows[j]))
        for k in ks:
            hits[k] += any(labels[j] == labels[i] for j in others[:k])
    assert recall_at_k(rows, labels) == pytest.approx({k: 100 * hits[k] / n for k in ks})


def test_recall_grows_with_k_and_a_label_on_its_own_is_never_found():
    rows, _ = make_rows(30, 4, 1, 0)
    labels = np.array([0] * 29 + [1])
    recall = recall_at_k(rows, labels, ks=(1, 8, 29))
    assert recall[1] <= recall[8] <= recall[29] == pytest.approx(100 * 29 / 30)


@given(st.integers(5, 40), st.integers(1, 60), st.floats(0.05, 2), st.integers(0, 100))
def test_weighted_knn_is_that_of_a_naive_loop(n, k, temperature, seed):
    train, train_labels = make_rows(n, 4, 3, seed)
    test, test_labels = make_rows(17, 4, 3, seed + 1)
    right = 0
    for row, label in zip(test, test_labels):
        nearest = sorted(range(n), key=lambda j: -(row @ train[j]))[:k]
        votes = dict.fromkeys(range(3), 0.0)
        for j in nearest:
            votes[train_labels[j]] += exp(row @ train[j] / temperature)
        right += max(votes, key=votes.get) == label
    found = weighted_knn(train, train_labels, test, test_labels, k, temperature)
    assert found == pytest.approx(100 * right / 17)


def test_weighted_knn_takes_any_ids_and_more_rows_than_a_block(monkeypatch):
    monkeypatch.setattr("dnalib.retrieval.BLOCK", 7)
    train, train_labels = make_rows(40, 3, 3, 0)
    test, test_labels = make_rows(30, 3, 3, 1)
    in_blocks = weighted_knn(train, 10 * train_labels, test, 10 * test_labels, k=5)
    monkeypatch.setattr("dnalib.retrieval.BLOCK", 1000)
    assert in_blocks == weighted_knn(train, train_labels, test, test_labels, k=5)


def test_linear_probe_finds_a_plane_whatever_the_scale():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5)) * [1e-4, 1, 100, 1, 1]
    labels = (rows[:, 0] > 0).astype(int)
    assert linear_probe(rows[:300], labels[:300], rows[300:], labels[300:]) >= 95
    shuffled = rng.permutation(labels)
    assert linear_probe(rows[:300], shuffled[:300], rows[300:], shuffled[300:]) < 70


@pytest.mark.parametrize("measure", [weighted_knn, linear_probe])
def test_labels_must_match_rows(measure):
    rows, labels = make_rows(5, 3, 2, 0)
    with pytest.raises(ValueError, match=r"test_features have 5 rows but .* \(4,\): give one"):
        measure(rows, labels, rows, labels[:4])


@pytest.mark.parametrize("which", [0, 1])
def test_weighted_knn_scores_no_feature_that_is_not_finite(which):
    both, labels = np.ones((2, 5, 3)), np.arange(5)
    both[which, 2] = np.nan
    name = ("train_features", "test_features")[which]
    with pytest.raises(ValueError, match=f"row 2 of the {name} holds NaN"):
        weighted_knn(both[0], labels, both[1], labels)


def test_bad_arguments_are_one_sentence():
    rows, labels = make_rows(5, 3, 2, 0)
    with pytest.raises(ValueError, match="features have 5 rows"):
        recall_at_k(rows, labels[:4])
    with pytest.raises(ValueError, match="k is 0: expected at least 1"):
        weighted_knn(rows, labels, rows, labels, k=0)
    with pytest.raises(ValueError, match="ks holds 0: expected each to be at least 1"):
        recall_at_k(rows, labels, ks=(0, 1))
    with pytest.raises(ValueError, match="k is 8 but there are 5"):
        recall_at_k(rows, labels)


def test_scores_of_seen_and_unseen_classes_are_those_of_each_measure():
    train, test = make_rows(60, 4, 3, 0), make_rows(20, 4, 3, 1)
    assert seen_scores(*train, *test) == {
        "knn": weighted_knn(*train, *test), "linear": linear_probe(*train, *test)
    }  # fmt: skip
    scores = unseen_scores(*train, seed=1)
    assert list(scores) == ["r1", "r2", "r4", "r8", "nmi"]
    assert scores["r4"] == recall_at_k(*train, ks=(4,))[4]
    assert unseen_scores(np.eye(3)[np.arange(30) % 3], np.arange(30) % 3)["nmi"] == 100
