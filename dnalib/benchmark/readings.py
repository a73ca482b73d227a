"""What else a run's features are asked, so that no question needs the training again."""

from __future__ import annotations

import numpy as np

from dnalib.clustering import (
    assign_clusters,
    closeness,
    estimate_n_clusters,
    kmeans,
    score,
    score_over_seeds,
)
from dnalib.datasets import CoarseDataset
from dnalib.methods import Run

KMEANS_SEEDS = 5
TRAIN_STARTS = 10
"""k-means starts on the training split, which is larger and steadier than the test split."""


def read_clusters(dataset: CoarseDataset, run: Run) -> dict[str, object]:
    """Return the fields of a record that come from clustering a run's features again.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels of its test split.
    run : Run

    Returns
    -------
    dict
        ``predictions``, the fine id that the protocol's clustering gives each test text (the
        clusters matched to categories as ACC matches them); ``kmeans_acc``, ACC under other seeds
        of k-means on the same features; ``ward``, ACC, ARI and NMI of k-means that starts from
        Ward's clusters; ``inductive``, the same where the centers are found on the training split
        and test texts go to the nearest; ``counted``, the same as the protocol's with ``n``, the
        number of clusters that the training features of each coarse class seem to have, in place
        of the true number. Training knew it all the same: ``k`` and the number of centers that
        some methods look for are made of it.
    """
    fine = dataset.test.fine
    clusters = kmeans(run.test_features, dataset.n_fine, seed=run.seed).labels
    matched = assign_clusters(fine, clusters)
    others = range(run.seed + 1, run.seed + KMEANS_SEEDS)
    scores = score_over_seeds(run.test_features, fine, n_clusters=dataset.n_fine, seeds=others)
    return {
        "predictions": [int(matched.get(cluster, -1)) for cluster in clusters],
        "kmeans_acc": [row["acc"] for row in scores],
        "ward": score(fine, kmeans(run.test_features, dataset.n_fine, start="ward").labels),
        "inductive": _score_by_training_centers(dataset, run),
        "counted": _score_with_counted(dataset, run),
    }


def _score_by_training_centers(dataset: CoarseDataset, run: Run) -> dict[str, float]:
    found = kmeans(run.train_features, dataset.n_fine, n_init=TRAIN_STARTS, seed=run.seed)
    nearest = closeness(run.test_features, found.centers).argmax(axis=1)
    return score(dataset.test.fine, nearest)


def _score_with_counted(dataset: CoarseDataset, run: Run) -> dict[str, float]:
    """Score as the protocol does, by a number counted on the features by the estimator's rule."""
    rule = "silhouette" if len(run.history) else "communities"
    coarse = dataset.train.coarse
    n = sum(
        estimate_n_clusters(run.train_features[coarse == parent], rule=rule, seed=run.seed).estimate
        for parent in np.unique(coarse)
    )
    n = min(n, len(run.test_features))
    return {"n": n} | score(dataset.test.fine, kmeans(run.test_features, n, seed=run.seed).labels)
