"""What the DNA objective is, exactly: its decomposition, gradient, bounds and relation to k-means.

Notation, for one query q among N keys h_1 ... h_N, all of unit length:

    P     its positives (the kept neighbors), not empty
    tau   temperature
    h_bar mean of h_p over P: the center of the neighborhood
    V     mean over P of ||h_p - h_bar||^2: the spread of the neighborhood
    Z     sum over k of exp(q.h_k / tau): the partition function

    L     = -mean over P of log(exp(q.h_p / tau) / Z) = log Z - q.h_bar / tau

In what sense L is a clustering loss
------------------------------------
The paper says that its objective is equivalent to a clustering loss. The wording of its theorem was
not readable to us, so what stands here is derived, not quoted. "Equivalent" means: L is *exactly*
the squared distance of the query to the center of its own neighborhood (over 2 tau), plus a
log-sum-exp that pushes it away from all keys, plus terms that are constant in q (`decompose`,
`gradients`). It does *not* mean that L equals the k-means objective: every query has its own
center, which moves with the bank. The two attraction terms coincide only when the neighborhoods are
the blocks of a partition and the queries are the keys (`kmeans_gap`, `circle_counterexample`).

Conventions
-----------
`queries` (B, d), `keys` (N, d) and `positives` (B, P) are tensors or arrays; `positives` holds row
numbers of `keys`, padded with -1, as `NeighborGraph.positives` gives them. `self_index` (B,) names
the key that is the query itself; that key is left out of Z (every statement holds for the sum over
the keys that remain). Every result is per query and in the precision of the input; pass features
through `unit_rows` to get float64, in which the identities hold to about 1e-13. Memory is that of
the (B, N) matrix of similarities, so give a large bank its queries in batches.
"""

from dnalib.theory.clusters import KMeansGap, circle_counterexample, kmeans_gap, partition_positives
from dnalib.theory.forms import (
    Decomposition,
    PairwiseForm,
    UnitCenterForm,
    any_norm_form,
    decompose,
    deviations,
    pairwise_form,
    unit_center_form,
)
from dnalib.theory.gradient import Gradients, gradients
from dnalib.theory.lower_bounds import Bounds, bounds
from dnalib.theory.noise import NoiseShift, noise_shift
from dnalib.theory.problem import unit_rows
from dnalib.theory.sphere import alignment, uniformity

__all__ = [
    "Bounds",
    "Decomposition",
    "Gradients",
    "KMeansGap",
    "NoiseShift",
    "PairwiseForm",
    "UnitCenterForm",
    "alignment",
    "any_norm_form",
    "bounds",
    "circle_counterexample",
    "decompose",
    "deviations",
    "gradients",
    "kmeans_gap",
    "noise_shift",
    "pairwise_form",
    "partition_positives",
    "uniformity",
    "unit_center_form",
    "unit_rows",
]
