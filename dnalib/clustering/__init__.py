"""k-means, also inside known parents; how many clusters there are; ACC, ARI and NMI."""

from dnalib.clustering.kmeans import Clustering, align, closeness, kmeans
from dnalib.clustering.number import (
    NumberEstimate,
    estimate_n_clusters,
    usual_rules,
)
from dnalib.clustering.scores import (
    accuracy,
    ari,
    assign_clusters,
    cluster_and_score,
    nmi,
    score,
    score_over_seeds,
)
from dnalib.clustering.within import ParentedClustering, cluster_within, share_out

__all__ = [
    "Clustering",
    "NumberEstimate",
    "ParentedClustering",
    "accuracy",
    "align",
    "ari",
    "assign_clusters",
    "closeness",
    "cluster_and_score",
    "cluster_within",
    "estimate_n_clusters",
    "kmeans",
    "nmi",
    "score",
    "score_over_seeds",
    "share_out",
    "usual_rules",
]
