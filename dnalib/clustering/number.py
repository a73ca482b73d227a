"""How many clusters there are: an estimate with an interval, and the usual rules beside it."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import silhouette_samples

from dnalib.clustering.kmeans import closeness, finite_matrix, kmeans
from dnalib.clustering.scores import ari
from dnalib.neighbors import retrieve

MOST_ROWS = 1000
"""Rows that are looked at; of more, as many are drawn."""
NEIGHBORS = 20
"""Neighbors of a row, and never more than an eighth of the rows."""
RESAMPLED = 0.8
MOST_CLUSTERS = 60
NUMBERS_TRIED = 16
SMALLEST = 3
"""Rows below which a community is no category."""


@dataclass(frozen=True)
class NumberEstimate:
    """How many clusters there seem to be.

    Attributes
    ----------
    estimate : int
        The number to take if one is needed.
    low, high : int
        The interval: other numbers that would do about as well.
    """

    estimate: int
    low: int
    high: int

    def widened(self, other: NumberEstimate) -> NumberEstimate:
        """Return the same estimate with an interval that spans the other one's as well."""
        return NumberEstimate(self.estimate, min(self.low, other.low), max(self.high, other.high))

    def at_most(self, most: int) -> NumberEstimate:
        """Return the same estimate and interval, with `most` for what is larger."""
        return NumberEstimate(min(self.estimate, most), min(self.low, most), min(self.high, most))


def estimate_n_clusters(
    features: ArrayLike, *, rule: str = "communities", n_resamples: int = 5, seed: int = 0
) -> NumberEstimate:
    """Estimate the number of clusters, with an interval.

    "communities" joins two rows as strongly as their lists of nearest neighbors overlap (Jarvis &
    Patrick 1973) and cuts this graph by modularity (Louvain, Blondel et al. 2008), which settles
    the number of parts by itself; the estimate is the median over subsamples, the interval spans
    these and neighborhoods half and twice as large. "silhouette" moves that number into the range
    of numbers whose mean silhouette (Rousseeuw 1987) is not plainly below the largest (two standard
    errors of the difference); the interval spans that range and the number of communities. With
    few rows the range is wide and the graph decides, with many the silhouette.

    Which to take depends on the features (``results/n_fine.csv``, `dnalib.studies.n_fine`). On
    embeddings as they come groups are loose and the silhouette says several times too many; once
    training has drawn groups together, communities are twice too many where classes hold few
    categories of many rows (HWU64), and the silhouette is nearer. No rule was best on all sets: the
    agreement of halves, for one, is the best on the digits' pixels and misses by half a doubling
    and more on the tickets and on pydocs.

    What a category is remains a matter of taste. A class that is one round cloud is cut into a few
    parts all the same, for random graphs have communities too.

    Parameters
    ----------
    features : array_like, shape (n, d)
        Unit rows of one parent.
    rule : {"communities", "silhouette"}, default "communities"
        "communities" for embeddings as they come, "silhouette" for trained features.
    n_resamples : int, default 5
        Subsamples of four fifths of the rows. More make the interval steadier.
    seed : int, default 0

    Returns
    -------
    NumberEstimate
        1 for fewer than six rows, and for rows that are all the same.

    Raises
    ------
    ValueError
        If `features` is not a finite matrix or the rule is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> groups = np.repeat(np.eye(4), 25, axis=0) + 0.01 * np.arange(100)[:, None] % 0.05
    >>> rows = groups / np.linalg.norm(groups, axis=1, keepdims=True)
    >>> estimate_n_clusters(rows).estimate
    4
    """
    if rule not in ("communities", "silhouette"):
        raise ValueError(f"rule is {rule!r}, expected 'communities' or 'silhouette'")
    features = _some_rows(features, seed)
    if len(features) < 2 * SMALLEST or _n_distinct(features) < 2:
        return NumberEstimate(1, 1, 1)
    by_graph = _by_communities(features, n_resamples, seed)
    if rule == "communities":
        return by_graph
    tried, silhouettes = _silhouettes(features, MOST_CLUSTERS, seed)
    best = silhouettes.mean(axis=1).argmax()
    loss = silhouettes[best] - silhouettes
    ties = tried[loss.mean(axis=1) <= 2 * loss.std(axis=1) / np.sqrt(len(features))]
    estimate = int(np.clip(by_graph.estimate, ties.min(), ties.max()))
    low, high = min(*ties, by_graph.estimate), max(*ties, by_graph.estimate)
    return NumberEstimate(estimate, int(low), int(high))


def _some_rows(features: ArrayLike, seed: int) -> np.ndarray:
    features = finite_matrix(features)
    return features[np.random.default_rng(seed).permutation(len(features))[:MOST_ROWS]]


def _by_communities(features: np.ndarray, n_resamples: int, seed: int) -> NumberEstimate:
    rng = np.random.default_rng(seed)
    neighbors = min(NEIGHBORS, len(features) / 8)
    draws = [rng.permutation(len(features)) for _ in range(n_resamples)]
    kept = max(2 * SMALLEST, int(RESAMPLED * len(features)))
    found = [n_communities(features[rows[:kept]], neighbors, seed=seed) for rows in draws]
    fewest = n_communities(features, 2 * neighbors, seed=seed)
    most = n_communities(features, neighbors / 2, seed=seed)
    return NumberEstimate(round(float(np.median(found))), min(fewest, *found), max(most, *found))


def _silhouettes(features: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers tried (t,), and the silhouette (t, n) of every row at each of them."""
    tried = _tried(features, most)
    labels = [kmeans(features, number, n_init=2, seed=seed).labels for number in tried]
    return tried, np.stack([_silhouette(features, found) for found in labels])


def _silhouette(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the silhouette (n,) of every row, 0 where all are in one cluster."""
    if len(np.unique(labels)) < 2:  # k-means leaves clusters empty where rows are hardly apart
        return np.zeros(len(labels))
    return silhouette_samples(features, labels)


def _n_distinct(features: np.ndarray) -> int:
    return len(np.unique(features, axis=0))


def _tried(features: np.ndarray, most: int) -> np.ndarray:
    """Return numbers from 2 to `most`, evenly spaced on a log scale.

    None is larger than a fifth of the rows, or than the number of distinct ones.
    """
    most = max(2, min(most, len(features) // 5, _n_distinct(features)))
    return np.unique(np.geomspace(2, most, NUMBERS_TRIED).round().astype(int))


def n_communities(features: np.ndarray, n_neighbors: float, *, seed: int = 0) -> int:
    """Return the number of communities of three rows and more, at least 1.

    Parameters
    ----------
    features : ndarray (n, d)
        Unit rows.
    n_neighbors : float
        Neighbors of each row, rounded, itself not counted. More of them give fewer communities.
    seed : int, default 0
        Of the order in which Louvain visits the rows.
    """
    n = len(features)
    k = min(max(2, round(n_neighbors)), n - 1)
    neighbors, _ = retrieve(features, k)
    listed = np.eye(n, dtype=np.float32)  # a row stands in its own list
    listed[np.arange(n)[:, None], neighbors] = 1
    shared = listed @ listed.T
    joined = np.maximum(listed, listed.T) * shared / (2 * (k + 1) - shared)
    np.fill_diagonal(joined, 0)
    communities = nx.community.louvain_communities(nx.from_numpy_array(joined), seed=seed)
    return max(1, sum(len(members) >= SMALLEST for members in communities))


def usual_rules(features: ArrayLike, *, most: int = 60, seed: int = 0) -> dict[str, int]:
    """Return what other rules say, for comparison (`dnalib.studies.n_fine`).

    ``"largest silhouette"`` takes the number with the largest mean silhouette (Rousseeuw 1987),
    ``"agreeing halves"`` the one at which clusterings of two halves of the rows agree best on all
    rows (Lange et al. 2004, by the adjusted Rand index), ``"elbow"`` the one where the curve of
    k-means inertia is farthest below its chord, and ``"dropping"`` clusters into `most` and counts
    the clusters that hold at least the mean number of rows (DeepAligned, Zhang et al. 2021, which
    asks for twice or three times the true number).

    Parameters
    ----------
    features : array_like, shape (n, d)
        Unit rows of one parent, at least ten.
    most : int, default 60
        Largest number tried; never more than a fifth of the rows.
    seed : int, default 0
    """
    features = _some_rows(features, seed)
    tried = _tried(features, most)
    runs = [kmeans(features, number, n_init=2, seed=seed) for number in tried]
    sizes = np.bincount(runs[-1].labels)
    silhouettes = [_silhouette(features, run.labels).mean() for run in runs]
    agreement = [_agreement_of_halves(features, number, seed) for number in tried]
    return {
        "largest silhouette": int(tried[np.argmax(silhouettes)]),
        "agreeing halves": int(tried[np.argmax(agreement)]),
        "elbow": _elbow(tried, np.array([run.inertia for run in runs])),
        "dropping": max(1, int((sizes >= len(features) / tried[-1]).sum())),
    }


def _agreement_of_halves(features: np.ndarray, number: int, seed: int, n_repeats: int = 4) -> float:
    """Return how well clusterings of two random halves agree on all rows, the mean of repeats."""
    scores = []
    for repeat in range(n_repeats):
        rows = np.random.default_rng((seed, repeat)).permutation(len(features))
        halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        centers = [kmeans(features[half], number, n_init=1, seed=seed).centers for half in halves]
        first, second = (closeness(features, c).argmax(axis=1) for c in centers)
        scores.append(ari(first, second))
    return float(np.mean(scores))


def _elbow(tried: np.ndarray, inertia: np.ndarray) -> int:
    """Return the number at which inertia is farthest below the chord of its curve."""
    across = (tried - tried[0]) / max(tried[-1] - tried[0], 1)
    down = (inertia - inertia[-1]) / max(inertia[0] - inertia[-1], 1e-12)
    return int(tried[np.argmax(1 - across - down)])
