"""What features are worth without clustering them: recall at k, weighted k-NN, a linear probe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dnalib.clustering import cluster_and_score
from dnalib.clustering.kmeans import finite_matrix
from dnalib.neighbors import retrieve

BLOCK = 1024
"""Test rows whose similarities to all training rows are held at once."""


def recall_at_k(
    features: np.ndarray, labels: np.ndarray, ks: Sequence[int] = (1, 2, 4, 8)
) -> dict[int, float]:
    """Return the share of rows with a row of their own label among the k nearest others.

    The measure of metric learning on unseen classes: it asks for no training and no clusters.

    Parameters
    ----------
    features : ndarray (n, d)
        Unit rows.
    labels : ndarray (n,) int64
    ks : sequence of int, default (1, 2, 4, 8)
        Each from 1 to n - 1.

    Returns
    -------
    dict of int to float
        For each k the recall R@k, in percent.

    Raises
    ------
    ValueError
        If a k is out of range, or features are not finite, or there is not one label a row.

    Examples
    --------
    >>> corners = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> recall_at_k(corners, np.array([0, 0, 1]), ks=(1,))
    {1: 66.66666666666667}
    """
    labels = _one_label_a_row("features", features, labels)
    if min(ks) < 1:
        raise ValueError(f"ks holds {min(ks)}: expected each to be at least 1")
    nearest = labels[retrieve(features, max(ks))[0]]
    hits = nearest == labels[:, None]
    return {k: 100 * float(hits[:, :k].any(axis=1).mean()) for k in ks}


def weighted_knn(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    k: int = 200,
    temperature: float = 0.1,
) -> float:
    """Return the accuracy of voting by the k nearest training rows, in percent.

    A training row of similarity s casts ``exp(s / temperature)`` votes for its label.

    Parameters
    ----------
    train_features, test_features : ndarray (n, d), (m, d)
        Unit rows.
    train_labels, test_labels : ndarray (n,), (m,) int64
    k : int, default 200
        At most n vote.
    temperature : float, default 0.1
        Smaller values let the nearest rows decide.

    Raises
    ------
    ValueError
        If there is not one label a row, a feature is not finite, or k is less than 1.

    References
    ----------
    Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR
    2018; ISIF (Ye et al., CVPR 2019) reports it with these defaults.

    Examples
    --------
    >>> weighted_knn(np.eye(2), np.array([0, 1]), np.eye(2), np.array([0, 1]), k=1)
    100.0
    """
    train_features = finite_matrix(train_features, "train_features")
    test_features = finite_matrix(test_features, "test_features")
    train_labels = _one_label_a_row("train_features", train_features, train_labels)
    test_labels = _one_label_a_row("test_features", test_features, test_labels)
    if k < 1:
        raise ValueError(f"k is {k}: expected at least 1 neighbor")
    k = min(k, len(train_labels))
    names, votes_for = np.unique(train_labels, return_inverse=True)
    right = 0
    for start in range(0, len(test_labels), BLOCK):
        similarities = test_features[start : start + BLOCK] @ train_features.T
        nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
        weights = np.exp((np.take_along_axis(similarities, nearest, 1) - 1) / temperature)
        votes = np.zeros((len(weights), len(names)))
        np.add.at(votes, (np.arange(len(weights))[:, None], votes_for[nearest]), weights)
        predicted = names[votes.argmax(axis=1)]
        right += int((predicted == test_labels[start : start + BLOCK]).sum())
    return 100 * right / len(test_labels)


def linear_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> float:
    """Return the accuracy of a logistic regression on the frozen features, in percent.

    Coordinates are standardized first, so that the penalty weighs them alike whatever their scale.

    Parameters
    ----------
    train_features, test_features : ndarray (n, d), (m, d)
    train_labels, test_labels : ndarray (n,), (m,) int64

    Raises
    ------
    ValueError
        If there is not one label a row.
    """
    train_labels = _one_label_a_row("train_features", train_features, train_labels)
    test_labels = _one_label_a_row("test_features", test_features, test_labels)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(train_features, train_labels)
    return 100 * float(probe.score(test_features, test_labels))


def seen_scores(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> dict[str, float]:
    """Return what features are worth on the classes they were trained on, in percent.

    Returns
    -------
    dict
        ``knn`` as `weighted_knn` with its defaults has it, ``linear`` as `linear_probe` has it.
    """
    features = (train_features, train_labels, test_features, test_labels)
    return {"knn": weighted_knn(*features), "linear": linear_probe(*features)}


def unseen_scores(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return what features are worth on classes that training has not seen, in percent.

    Returns
    -------
    dict
        ``r1``, ``r2``, ``r4`` and ``r8``, the recalls of `recall_at_k`; ``nmi`` of k-means with
        the true number of classes, whose starts ``seed`` decides.
    """
    recalls = {f"r{k}": recall for k, recall in recall_at_k(features, labels).items()}
    return recalls | {"nmi": cluster_and_score(features, labels, n_init=5, seed=seed)["nmi"]}


def _one_label_a_row(name: str, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (len(features),):
        raise ValueError(
            f"{name} have {len(features)} rows but the labels have the shape {labels.shape}: give "
            "one label for each row"
        )
    return labels
