"""Where k-means starts: greedy k-means++ for all starts at once, or Ward's clusters."""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

MOST_ROWS_OF_WARD = 20_000
"""Of more rows, Ward's method would hold above 1.6 GB of distances, and take minutes."""


def starting_rows(features: np.ndarray, n_clusters: int, n_init: int, seed: int) -> np.ndarray:
    """Return the rows ``(n_init, K)`` that scikit-learn's greedy k-means++ would start from.

    There every start compares the candidates for each next center with all rows on its own, and
    that is most of the time of k-means. Here all starts choose their next center together, so that
    their comparisons are one large matrix product. Same seed, same rows: a test compares.

    Parameters
    ----------
    features : ndarray (n, d)
    n_clusters, n_init, seed : int
        As in `dnalib.clustering.kmeans`.

    References
    ----------
    Arthur & Vassilvitskii, k-means++: The Advantages of Careful Seeding, SODA 2007.
    """
    features = np.ascontiguousarray(features)
    features = features if features.dtype == np.float32 else features.astype(np.float64)
    features = features - features.mean(axis=0)
    ones, trials = np.ones((len(features), 1), features.dtype), 2 + int(np.log(n_clusters))
    random_state = np.random.RandomState(seed)
    rows = np.empty((n_init, n_clusters), dtype=np.int64)
    uniform = np.empty((n_init, n_clusters, trials))
    for start in range(n_init):
        rows[start, 0] = random_state.choice(len(ones), p=ones[:, 0] / ones.sum())
        uniform[start, 1:] = random_state.uniform(size=(n_clusters - 1, trials))
    closest = _squared_distances(features, rows[:, 0])
    totals = [distances[None] @ ones[:, 0] for distances in closest]
    for step in range(1, n_clusters):
        places = [uniform[start, step] * totals[start] for start in range(n_init)]
        drawn = [np.searchsorted(np.cumsum(d), at) for d, at in zip(closest, places, strict=True)]
        candidates = np.minimum(drawn, len(ones) - 1)
        distances = _squared_distances(features, candidates.ravel())
        for start, ours in enumerate(distances.reshape(n_init, trials, -1)):
            np.minimum(closest[start], ours, out=ours)
            sums = ours @ ones
            best = sums.argmin()
            totals[start], closest[start] = sums[best], ours[best]
            rows[start, step] = candidates[start, best]
    return rows


def ward_centers(features: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the means ``(K, d)`` of the clusters that Ward's method makes of the rows.

    It joins, one pair after another, the two clusters whose union raises the inertia least.

    Raises
    ------
    ValueError
        If there are more than `MOST_ROWS_OF_WARD` rows.

    References
    ----------
    Ward, Hierarchical Grouping to Optimize an Objective Function, JASA 1963.
    """
    if len(features) > MOST_ROWS_OF_WARD:
        raise ValueError(
            f"Ward's method was asked of {len(features)} rows, expected at most "
            f"{MOST_ROWS_OF_WARD}: take start='k-means++'"
        )
    if n_clusters == len(features):
        return features
    labels = AgglomerativeClustering(n_clusters, linkage="ward").fit_predict(features)
    return np.stack([features[labels == cluster].mean(axis=0) for cluster in range(n_clusters)])


def _squared_distances(features: np.ndarray, chosen: np.ndarray, block: int = 4096) -> np.ndarray:
    """Return ``(len(chosen), n)``, of chosen rows to all rows, computed in float64."""
    result = np.empty((len(chosen), len(features)), dtype=features.dtype)
    centers = features[chosen].astype(np.float64)
    norms = np.einsum("ij,ij->i", centers, centers)[:, None]
    for first in range(0, len(features), block):
        rows = features[first : first + block].astype(np.float64)
        squared = centers @ rows.T
        squared *= -2
        squared += norms
        squared += np.einsum("ij,ij->i", rows, rows)
        result[:, first : first + block] = squared
    return np.maximum(result, 0, out=result)
