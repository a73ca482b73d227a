"""Scores of a discovered clustering: ACC (Hungarian), ARI and NMI.

Cluster ids carry no meaning: a clustering that calls the first category 7 and the second 0 is as
good as one that calls them 0 and 1. The three scores here are therefore unchanged by any
renumbering of the clusters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from dnalib.clustering.kmeans import kmeans

Labels = ArrayLike | Sequence


def assign_clusters(true: Labels, predicted: Labels) -> dict:
    """Match clusters to categories one to one so that the most samples agree.

    This is the Hungarian algorithm (Kuhn 1955) on the table of counts of (cluster, category).

    Parameters
    ----------
    true : sequence, shape (n,)
        Category of each sample: integers or strings.
    predicted : sequence, shape (n,)
        Cluster of each sample.

    Returns
    -------
    dict
        Cluster id to category. With more clusters than categories the clusters left over are
        absent; with fewer, some categories have no cluster.

    Raises
    ------
    ValueError
        If the two are empty, not one-dimensional or of different lengths.

    Examples
    --------
    >>> assign_clusters(["cat", "cat", "dog"], [7, 7, 0])
    {0: 'dog', 7: 'cat'}
    """
    counts, clusters, categories = _contingency(true, predicted)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    clusters, categories = clusters.tolist(), categories.tolist()
    return {clusters[row]: categories[column] for row, column in zip(rows, columns, strict=True)}


def accuracy(true: Labels, predicted: Labels) -> float:
    """Share of samples whose cluster is matched to their category (ACC).

    The matching is the one of `assign_clusters`; samples of a cluster without a category count as
    wrong.

    Parameters
    ----------
    true, predicted : sequence, shape (n,)
        Category and cluster of each sample.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As `assign_clusters`.

    Examples
    --------
    >>> accuracy([0, 0, 1, 1], [5, 5, 3, 5])
    0.75
    """
    counts, _, _ = _contingency(true, predicted)
    matched = counts[linear_sum_assignment(counts, maximize=True)]
    return float(matched.sum() / counts.sum())


def ari(true: Labels, predicted: Labels) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985): pairs judged alike, corrected for chance.

    Parameters
    ----------
    true, predicted : sequence, shape (n,)
        Category and cluster of each sample.

    Returns
    -------
    float
        1 for the same grouping, 0 on average for a random one, and at worst -0.5.

    Raises
    ------
    ValueError
        As `assign_clusters`.
    """
    return float(adjusted_rand_score(*_paired(true, predicted)))


def nmi(true: Labels, predicted: Labels) -> float:
    """Normalized mutual information: I(true; predicted) / ((H(true) + H(predicted)) / 2).

    The normalization is the arithmetic mean of the two entropies, as in DNA's evaluation. With many
    small categories NMI is high even for poor clusterings; read it beside ACC and ARI.

    Parameters
    ----------
    true, predicted : sequence, shape (n,)
        Category and cluster of each sample.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As `assign_clusters`.
    """
    value = normalized_mutual_info_score(*_paired(true, predicted), average_method="arithmetic")
    return float(np.clip(value, 0.0, 1.0))


def score(true: Labels, predicted: Labels) -> dict[str, float]:
    """ACC, ARI and NMI in percent, as the papers print them.

    Parameters
    ----------
    true, predicted : sequence, shape (n,)
        Category and cluster of each sample.

    Returns
    -------
    dict
        Keys ``"acc"``, ``"ari"``, ``"nmi"``; values times 100.

    Raises
    ------
    ValueError
        As `assign_clusters`.

    Examples
    --------
    >>> score([0, 0, 1], [1, 1, 0])
    {'acc': 100.0, 'ari': 100.0, 'nmi': 100.0}
    """
    return {
        "acc": 100 * accuracy(true, predicted),
        "ari": 100 * ari(true, predicted),
        "nmi": 100 * nmi(true, predicted),
    }


def cluster_and_score(
    features: ArrayLike,
    fine: Labels,
    *,
    n_clusters: int | None = None,
    n_init: int = 20,
    seed: int = 0,
    start: str = "k-means++",
) -> dict[str, float]:
    """Cluster `features` by k-means and score the clusters against the fine categories.

    Parameters
    ----------
    features : array_like, shape (n, d)
        One row per sample.
    fine : sequence, shape (n,)
        Fine category of each sample, used for scoring only.
    n_clusters : int, optional
        Number of clusters; by default the number of distinct categories in `fine`, which is the
        papers' protocol.
    n_init, seed, start
        As in `kmeans`.

    Returns
    -------
    dict
        As `score`.

    Raises
    ------
    ValueError
        As `kmeans`, or if `features` and `fine` have different lengths.
    """
    features, fine = np.asarray(features), np.asarray(fine)
    if len(features) != len(fine):
        raise ValueError(
            f"features have {len(features)} rows but there are {len(fine)} fine labels: give one "
            "label per row."
        )
    if n_clusters is None:
        n_clusters = len(np.unique(fine))
    return score(fine, kmeans(features, n_clusters, n_init=n_init, seed=seed, start=start).labels)


def score_over_seeds(
    features: ArrayLike,
    fine: Labels,
    *,
    n_clusters: int | None = None,
    n_init: int = 20,
    seeds: Sequence[int] = range(5),
) -> list[dict[str, float]]:
    """Cluster and score once for each seed of k-means.

    The seed alone can move ACC by several points, even with 20 starts: compare means.

    Parameters
    ----------
    features, fine, n_clusters, n_init
        As in `cluster_and_score`.
    seeds : sequence of int, default 0 to 4
        More of them cost proportionally more time and make the mean steadier.

    Returns
    -------
    list of dict
        For each seed ``"seed"`` and the keys of `score`: the rows of a table.

    Raises
    ------
    ValueError
        As `cluster_and_score`.
    """
    settings = {"n_clusters": n_clusters, "n_init": n_init}
    return [
        {"seed": seed, **cluster_and_score(features, fine, **settings, seed=seed)} for seed in seeds
    ]


def _paired(true: Labels, predicted: Labels) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 1 or true.shape != predicted.shape or not len(true):
        raise ValueError(
            f"true labels have shape {true.shape} and predicted ones {predicted.shape}, but two "
            "non-empty lists of the same length are needed: give one label per sample to both."
        )
    return true, predicted


def _contingency(true: Labels, predicted: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (clusters, categories) and the sorted ids of the two axes."""
    true, predicted = _paired(true, predicted)
    categories, column = np.unique(true, return_inverse=True)
    clusters, row = np.unique(predicted, return_inverse=True)
    counts = np.zeros((len(clusters), len(categories)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    return counts, clusters, categories
