"""Attraction to neighborhood centers beside the k-means objective: when the two coincide."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dnalib.theory.problem import Array, make_problem


@dataclass(frozen=True)
class KMeansGap:
    """The attraction to neighborhood centers beside the k-means objective; see `kmeans_gap`.

    Attributes
    ----------
    neighborhood_sse : float
        sum over i of ||x_i - h_bar_i||^2.
    cluster_sse : float
        sum over i of ||x_i - c(label_i)||^2, c the mean of the cluster: the k-means objective.
    is_partition : bool
        Whether every neighborhood is the whole cluster of its query, the query included.
    """

    neighborhood_sse: float
    cluster_sse: float
    is_partition: bool

    @property
    def gap(self) -> float:
        """`neighborhood_sse` - `cluster_sse`: zero for a partition, of either sign otherwise."""
        return self.neighborhood_sse - self.cluster_sse


def kmeans_gap(features: Array, positives: Array, labels: Array) -> KMeansGap:
    """Compare the attraction to neighborhood centers with the k-means objective of a clustering.

    Let the queries be the keys, x_1 ... x_n. If the neighborhoods are the blocks of a partition,
    P_i = C for every i in C, then h_bar_i is the mean of C and

        sum_i ||x_i - h_bar_i||^2 = within-cluster sum of squares.

    Everything else breaks the equality:

    - Neighborhoods that overlap (k nearest neighbors) give every sample its own center. On a chain
      of points the sum vanishes as the chain fills, while no clustering into few blocks does
      (`circle_counterexample`).
    - A block without the query itself, P_i = C minus {i}: x_i - h_bar_i = (n_C / (n_C - 1)) (x_i -
      c), so each block counts (n_C / (n_C - 1))^2 times. Close for large blocks, never equal.
    - Queries and keys from different encoders or views: the mean of the block is then not the point
      that minimizes the sum.

    And k-means also chooses the labels and refits the centers, while DNA follows a gradient with
    centers held fixed and a repulsion that k-means does not have. Length does not matter here.

    Parameters
    ----------
    features : Tensor or array, shape (n, d)
        Queries and keys at once.
    positives : Tensor or array of int64, shape (n, P)
        Neighborhoods, padded with -1.
    labels : Tensor or array of integers, shape (n,)
        A clustering, e.g. that of k-means.

    Returns
    -------
    KMeansGap

    Raises
    ------
    ValueError
        If a row has no positive, or the lengths differ.
    """
    problem = make_problem(features, features, positives, 1.0, None)
    labels = torch.as_tensor(labels)
    if labels.shape != (len(problem.keys),):
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} for {len(problem.keys)} rows: give one label "
            "per row."
        )
    _, labels, sizes = labels.unique(return_inverse=True, return_counts=True)
    sums = problem.keys.new_zeros(len(sizes), problem.keys.shape[1])
    means = sums.index_add(0, labels, problem.keys) / sizes[:, None]
    same = (labels[problem.positives.clamp(min=0)] == labels[:, None]) | ~problem.mask
    return KMeansGap(
        neighborhood_sse=(problem.queries - problem.center()).square().sum().item(),
        cluster_sse=(problem.keys - means[labels]).square().sum().item(),
        # All of a query's positives are in its cluster and as many as the cluster has members.
        is_partition=bool(same.all() and (problem.mask.sum(1) == sizes[labels]).all()),
    )


def partition_positives(labels: Array, include_self: bool = True) -> Tensor:
    """Positives of a partition: for every sample, all samples of its cluster.

    Parameters
    ----------
    labels : Tensor or array of integers, shape (n,)
        Cluster of each sample.
    include_self : bool, default True
        Whether a sample is among its own positives. k-means needs it; DNA leaves it out.

    Returns
    -------
    Tensor of int64, shape (n, size of the largest cluster)
        Padded with -1.
    """
    _, labels = torch.as_tensor(labels).unique(return_inverse=True)
    members = [(labels == label).nonzero().squeeze(1) for label in range(int(labels.max()) + 1)]
    positives = pad_sequence(members, batch_first=True, padding_value=-1)[labels]
    if include_self:
        return positives
    return positives.masked_fill(positives == torch.arange(len(labels))[:, None], -1)


def circle_counterexample(n: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Points on a circle whose neighborhoods are tight although no clustering of them is.

    Point i stands at the angle 2 pi i / n and has the positives {i - 1, i, i + 1}, so that, with
    a = 2 pi / n, h_bar_i = x_i (1 + 2 cos a) / 3 and

        sum_i ||x_i - h_bar_i||^2 = n (2 (1 - cos a) / 3)^2,

    which falls like 1 / n^3, while the two half circles that k-means finds keep a within-cluster
    sum of squares that grows like n (1 - 4 / pi^2). Minimizing the first tells nothing about the
    second.

    Parameters
    ----------
    n : int, default 12
        Number of points, even and at least 4.

    Returns
    -------
    features : Tensor of float64, shape (n, 2)
    positives : Tensor of int64, shape (n, 3)
    labels : Tensor of int64, shape (n,)
        The half circle of each point.

    Raises
    ------
    ValueError
        If `n` is odd or less than 4.
    """
    if n < 4 or n % 2:
        raise ValueError(f"n={n}, but two equal half circles need an even n of at least 4.")
    index = torch.arange(n)
    angle = 2 * math.pi * index.double() / n
    features = torch.stack([angle.cos(), angle.sin()], dim=1)
    positives = torch.stack([(index - 1) % n, index, (index + 1) % n], dim=1)
    return features, positives, (index >= n // 2).long()
