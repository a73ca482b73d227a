"""k-means with 20 starts: scikit-learn, FAISS and dnalib, by inertia and by seconds.

Run ``python benchmarks/kmeans.py``.
"""

from __future__ import annotations

import faiss
import numpy as np
import pandas as pd
from common import blended, parse, seconds, show, show_machine
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from dnalib.clustering import kmeans

ITERATIONS = 50


def with_scikit_learn(features: np.ndarray, clusters: int, starts: int):
    """Return the labels and the inertia that plain scikit-learn finds."""
    with threadpool_limits(limits=1, user_api="openmp"):
        model = KMeans(clusters, n_init=starts, random_state=0).fit(features)
    return model.labels_, model.inertia_


def with_dnalib(features: np.ndarray, clusters: int, starts: int):
    """Return those that dnalib finds."""
    found = kmeans(features, clusters, n_init=starts)
    return found.labels, found.inertia


def with_faiss(features: np.ndarray, clusters: int, starts: int, start: int):
    """Return those that FAISS finds from ``start``: 0 draws rows evenly, 1 is k-means++."""
    model = faiss.Kmeans(
        features.shape[1], clusters, nredo=starts, niter=ITERATIONS, init_method=start, seed=0,
        max_points_per_centroid=len(features), min_points_per_centroid=1,
    )  # fmt: skip
    model.train(features)
    distances, labels = model.index.search(features, 1)
    return labels[:, 0], float(distances.sum())


def main() -> None:
    """Print the table."""
    options = parse(__doc__.splitlines()[0], n=18_000, clusters=150, starts=20)
    n, clusters, starts = options.n, options.clusters, options.starts
    if options.quick:
        n, clusters, starts = 1500, 20, 3
    features, _ = blended(n)
    systems = {
        "scikit-learn": lambda: with_scikit_learn(features, clusters, starts),
        "dnalib": lambda: with_dnalib(features, clusters, starts),
        "FAISS, random starts": lambda: with_faiss(features, clusters, starts, 0),
        "FAISS, k-means++": lambda: with_faiss(features, clusters, starts, 1),
        "FAISS, k-means++, 3 times the starts": lambda: with_faiss(
            features, clusters, 3 * starts, 1
        ),
    }
    found = {}

    def timed(name):
        def run():
            found[name] = systems[name]()

        return run

    table = seconds({name: timed(name) for name in systems}, repeats=1)
    plain_labels, plain_inertia = found["scikit-learn"]
    table["time ratio"] = table["CPU s"] / table.loc["scikit-learn", "CPU s"]
    table["inertia above, %"] = pd.Series(
        {name: 100 * (inertia / plain_inertia - 1) for name, (_, inertia) in found.items()}
    )
    show_machine()
    show(f"k-means: n = {n:,}, d = 384, K = {clusters}, {starts} starts", table)
    same = np.array_equal(found["dnalib"][0], plain_labels)
    print(f"\ndnalib's labels are scikit-learn's: {same}")


if __name__ == "__main__":
    main()
