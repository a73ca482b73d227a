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

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

Array = Tensor | ArrayLike

UNIT_TOLERANCE = 1e-4
UNIFORMITY_BLOCK = 1024


# --- results -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The terms of the DNA loss, one value a query; see `decompose`.

    Attributes
    ----------
    loss : Tensor, shape (B,)
        L, from its definition.
    alignment : Tensor, shape (B,)
        ||q - h_bar||^2 / (2 tau): attraction to the center of the neighborhood.
    log_partition : Tensor, shape (B,)
        log Z: repulsion from all keys.
    spread : Tensor, shape (B,)
        V / (2 tau): how loose the neighborhood itself is; constant in q.
    constant : float
        -1 / tau.
    center : Tensor, shape (B, d)
        h_bar.
    center_norm : Tensor, shape (B,)
        ||h_bar||, 1 where all positives coincide; V = 1 - ||h_bar||^2.
    """

    loss: Tensor
    alignment: Tensor
    log_partition: Tensor
    spread: Tensor
    constant: float
    center: Tensor
    center_norm: Tensor

    def total(self) -> Tensor:
        """Sum of the four terms, shape (B,): equal to `loss`."""
        return self.alignment + self.log_partition + self.spread + self.constant

    def means(self) -> dict[str, float]:
        """Mean over the queries of the loss and of each term, e.g. to follow them in training."""
        terms = ("loss", "alignment", "log_partition", "spread", "center_norm")
        return {name: getattr(self, name).mean().item() for name in terms} | {
            "constant": self.constant
        }


@dataclass(frozen=True, eq=False)
class PairwiseForm:
    """The DNA loss in squared distances; see `pairwise_form`.

    Attributes
    ----------
    attraction : Tensor, shape (B,)
        mean over P of ||q - h_p||^2 / (2 tau).
    repulsion : Tensor, shape (B,)
        log sum over k of exp(-||q - h_k||^2 / (2 tau)).
    """

    attraction: Tensor
    repulsion: Tensor

    def total(self) -> Tensor:
        """Sum of the two terms, shape (B,): the loss."""
        return self.attraction + self.repulsion


@dataclass(frozen=True, eq=False)
class UnitCenterForm:
    """The DNA loss with the center put back on the sphere; see `unit_center_form`.

    Attributes
    ----------
    alignment : Tensor, shape (B,)
        (||h_bar|| / (2 tau)) ||q - h_hat||^2 with h_hat = h_bar / ||h_bar||.
    log_partition : Tensor, shape (B,)
        log Z.
    constant : Tensor, shape (B,)
        -||h_bar|| / tau; constant in q.
    """

    alignment: Tensor
    log_partition: Tensor
    constant: Tensor

    def total(self) -> Tensor:
        """Sum of the three terms, shape (B,): the loss."""
        return self.alignment + self.log_partition + self.constant


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients with respect to the query, keys held fixed; see `gradients`.

    Attributes
    ----------
    loss : Tensor, shape (B, d)
        Gradient of L as a function of an unconstrained q.
    surrogate : Tensor, shape (B, d)
        Gradient of ||q - h_bar||^2 / (2 tau) + log Z as a function of an unconstrained q.
    tangent : Tensor, shape (B, d)
        Either of them projected on the sphere's tangent space at q: the direction that training
        sees.
    """

    loss: Tensor
    surrogate: Tensor
    tangent: Tensor


@dataclass(frozen=True, eq=False)
class Bounds:
    """The loss and its lower bounds; see `bounds`. All have shape (B,).

    Attributes
    ----------
    loss : Tensor
        L.
    log_positives : Tensor
        ``log |P|``, at most L.
    inside_log : Tensor
        L_in, the loss with the mean over positives inside the logarithm, at most L.
    log_partition : Tensor
        log Z.
    log_partition_bound : Tensor
        log N + q.mean(h) / tau, at most log Z.
    """

    loss: Tensor
    log_positives: Tensor
    inside_log: Tensor
    log_partition: Tensor
    log_partition_bound: Tensor


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


@dataclass(frozen=True, eq=False)
class NoiseShift:
    """How far false positives move the center; see `noise_shift`. All have shape (B,).

    Attributes
    ----------
    rate : Tensor
        rho, the share of false positives.
    distance : Tensor
        ||h_bar_false - h_bar_true||, 0 where there is no false positive.
    shift : Tensor
        ||h_bar - h_bar_true||, measured on the centers: equal to rate * distance.
    """

    rate: Tensor
    distance: Tensor
    shift: Tensor


# --- the loss in four forms ----------------------------------------------------------------------


def decompose(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Decomposition:
    """Split the DNA loss into alignment, log-partition, spread and a constant. An equality.

    Derivation. For any vectors,

        -q.h_bar = (||q - h_bar||^2 - ||q||^2 - ||h_bar||^2) / 2.

    The unit length of q gives ||q||^2 = 1; the unit length of the keys gives V = mean ||h_p||^2 -
    ||h_bar||^2 = 1 - ||h_bar||^2. Putting both into L = log Z - q.h_bar / tau,

        L = ||q - h_bar||^2 / (2 tau) + log Z - (1 + ||h_bar||^2) / (2 tau)
          = ||q - h_bar||^2 / (2 tau) + log Z + V / (2 tau) - 1 / tau.

    Only the first two terms depend on q: attraction to the neighborhood's center, repulsion from
    all keys. The spread is what filtering lowers directly: a looser neighborhood costs as much
    as it is loose, wherever q is.

    Parameters
    ----------
    queries : Tensor or array, shape (B, d)
        Unit rows.
    keys : Tensor or array, shape (N, d)
        Unit rows: the bank.
    positives : Tensor or array of int64, shape (B, P)
        Rows of `keys`, padded with -1; at least one a query, none twice.
    temperature : float
        tau > 0. Dividing by it scales alignment and spread; in log Z a small one leaves only the
        nearest keys.
    self_index : Tensor or array of int64, shape (B,), optional
        The key to leave out of Z for each query; by default none.

    Returns
    -------
    Decomposition

    Raises
    ------
    ValueError
        If rows are not of unit length (the constants then are not constant; see
        `any_norm_form`), a query has no positive, or an index is out of range.

    Examples
    --------
    >>> import torch
    >>> keys = unit_rows(torch.randn(50, 8))
    >>> parts = decompose(keys[:2], keys, [[4, 7], [9, -1]], 0.07)
    >>> torch.allclose(parts.loss, parts.total())
    True
    """
    problem = _unit_problem(queries, keys, positives, temperature, self_index)
    center = problem.center()
    key_squares = problem.keys.square().sum(1)
    mean_square = problem.positive_mean(key_squares[problem.positives.clamp(min=0)])
    center_square = center.square().sum(1)
    return Decomposition(
        loss=problem.loss(),
        alignment=(problem.queries - center).square().sum(1) / (2 * temperature),
        log_partition=problem.log_partition(),
        spread=(mean_square - center_square) / (2 * temperature),
        constant=-1 / temperature,
        center=center,
        center_norm=center_square.sqrt(),
    )


def pairwise_form(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> PairwiseForm:
    """The DNA loss as attraction to each positive and a log-sum-exp of squared distances.

    Derivation. For unit vectors q.h = 1 - ||q - h||^2 / 2, so that the 1 / tau leaves both -q.h_bar
    / tau and log Z and cancels:

        L = mean over P of ||q - h_p||^2 / (2 tau)
            + log sum over k of exp(-||q - h_k||^2 / (2 tau)).

    No constant is left. The first term equals alignment + spread of `decompose`. The second is, up
    to a constant, the log of a Gaussian kernel density estimate of the bank at q, of width
    sqrt(tau): the loss drives queries to where the bank is thin.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`.

    Returns
    -------
    PairwiseForm

    Raises
    ------
    ValueError
        As `decompose`.
    """
    problem = _unit_problem(queries, keys, positives, temperature, self_index)
    squares = problem.squared_distances() / (2 * temperature)
    return PairwiseForm(
        attraction=problem.positive_mean(_gather_columns(squares, problem.positives)),
        repulsion=torch.logsumexp(problem.without_self(-squares), dim=1),
    )


def unit_center_form(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> UnitCenterForm:
    """The DNA loss with the neighborhood's direction h_hat = h_bar / ||h_bar|| as the center.

    Derivation. -q.h_bar = -||h_bar|| q.h_hat and, both being unit, q.h_hat = 1 - ||q - h_hat||^2 /
    2, so

        L = (||h_bar|| / (2 tau)) ||q - h_hat||^2 - ||h_bar|| / tau + log Z.

    A tight neighborhood (||h_bar|| near 1) pulls with full strength, a scattered one weakly: the
    loss weights neighborhoods by their own agreement.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`.

    Returns
    -------
    UnitCenterForm

    Raises
    ------
    ValueError
        As `decompose`, and if the positives of a query cancel out (h_bar = 0 has no direction).
    """
    problem = _unit_problem(queries, keys, positives, temperature, self_index)
    center = problem.center()
    norm = center.norm(dim=1)
    if (norm == 0).any():
        row = int((norm == 0).nonzero()[0])
        raise ValueError(
            f"the positives of query {row} cancel out to a zero mean, which has no direction: use "
            "decompose or pairwise_form, which need none."
        )
    distance = (problem.queries - center / norm[:, None]).square().sum(1)
    return UnitCenterForm(
        alignment=norm * distance / (2 * temperature),
        log_partition=problem.log_partition(),
        constant=-norm / temperature,
    )


def any_norm_form(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Tensor:
    """The DNA loss of vectors of any length, through the center of the neighborhood.

    L = (||q - h_bar||^2 - ||q||^2 - ||h_bar||^2) / (2 tau) + log Z holds for all vectors. Without
    unit length ||q||^2 depends on q, and dropping it, as `decompose` does into its constant, is
    wrong: the loss then rewards long queries. (||h_bar||^2 does not depend on q.)

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`, without the demand on length.

    Returns
    -------
    Tensor, shape (B,)

    Raises
    ------
    ValueError
        As `decompose`, except for length.
    """
    problem = _problem(queries, keys, positives, temperature, self_index)
    center = problem.center()
    alignment = (problem.queries - center).square().sum(1)
    norms = problem.queries.square().sum(1) + center.square().sum(1)
    return (alignment - norms) / (2 * temperature) + problem.log_partition()


def deviations(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> dict[str, float]:
    """How far each form is from the loss, at worst over the queries: rounding, nothing more.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`.

    Returns
    -------
    dict of str to float
        Largest absolute difference to L for ``center`` (`decompose`), ``pairwise``,
        ``unit_center`` and ``any_norm``. About 1e-13 in float64, 1e-5 in float32.

    Raises
    ------
    ValueError
        As `unit_center_form`.
    """
    problem = (queries, keys, positives, temperature, self_index)
    parts = decompose(*problem)
    totals = {
        "center": parts.total(),
        "pairwise": pairwise_form(*problem).total(),
        "unit_center": unit_center_form(*problem).total(),
        "any_norm": any_norm_form(*problem),
    }
    return {name: (total - parts.loss).abs().max().item() for name, total in totals.items()}


# --- gradient and bounds -------------------------------------------------------------------------


def gradients(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Gradients:
    """Gradients of the loss and of its clustering surrogate, which training cannot tell apart.

    Derivation. With keys held fixed (they come from the bank and carry no gradient) and s_k the
    softmax of q.h_k / tau over the keys,

        grad_q L                                      = (sum_k s_k h_k - h_bar) / tau
        grad_q [||q - h_bar||^2 / (2 tau) + log Z]    = (sum_k s_k h_k - h_bar) / tau + q / tau.

    They differ by q / tau, which points along the radius. An encoder gives q = u / ||u||, and the
    gradient that reaches u is (I - q q^T) grad_q / ||u||; the projection removes the radial
    term, so that for u both are

        (I - q q^T) (sum_k s_k h_k - h_bar) / (tau ||u||),      `tangent` / ||u||.

    One step therefore moves q toward the center of its neighborhood and away from the softmax-
    weighted mean of the bank, and stands still where the two agree up to a multiple of q.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`.

    Returns
    -------
    Gradients
        Of the loss of each query by itself: divide by B for the mean over a batch.

    Raises
    ------
    ValueError
        As `decompose`.
    """
    problem = _unit_problem(queries, keys, positives, temperature, self_index)
    q = problem.queries
    loss = (problem.logits().softmax(dim=1) @ problem.keys - problem.center()) / temperature
    return Gradients(
        loss=loss,
        surrogate=loss + q / temperature,
        tangent=loss - (loss * q).sum(1, keepdim=True) * q,
    )


def bounds(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Bounds:
    """Lower bounds of the loss and of its log-partition.

    1. ``L >= log |P|``. L is the cross-entropy of the softmax over keys against the uniform law on P,
       hence at least that law's entropy. Equality needs the softmax to be uniform on P with no mass
       elsewhere, which no finite tau attains when there are keys outside P. A loss that nears log
       ``|P|`` has thus nothing left to gain, and losses with different ``|P|`` do not compare
       directly.
    2. L >= L_in = -log(mean over P of exp(q.h_p / tau)) + log Z, by Jensen's inequality; equality
       if and only if all q.h_p are equal. L asks every positive to be near, L_in only some.
    3. log Z >= log N + q.mean(h) / tau, by Jensen's inequality; equality if and only if all q.h_k
       are equal. As N grows over keys drawn from one law, log Z - log N tends to log E exp(q.h /
       tau), which is the uniformity of Wang & Isola (2020) up to the choice of kernel width.

    None of them needs unit length.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`, without the demand on length. Positives must be among the keys of Z.

    Returns
    -------
    Bounds

    Raises
    ------
    ValueError
        As `decompose`, except for length.
    """
    problem = _problem(queries, keys, positives, temperature, self_index)
    log_positives = problem.mask.sum(1).to(problem.keys.dtype).log()
    logits = problem.logits()
    positive_logits = _gather_columns(logits, problem.positives)
    inside = torch.logsumexp(positive_logits.masked_fill(~problem.mask, -math.inf), dim=1)
    log_partition = problem.log_partition()
    n_keys = logits.shape[1] - (problem.self_index is not None)
    mean_logit = logits.masked_fill(logits == -math.inf, 0).sum(1) / n_keys
    return Bounds(
        loss=problem.loss(),
        log_positives=log_positives,
        inside_log=log_positives - inside + log_partition,
        log_partition=log_partition,
        log_partition_bound=math.log(n_keys) + mean_logit,
    )


# --- alignment and uniformity --------------------------------------------------------------------


def alignment(queries: Array, keys: Array, positives: Array) -> float:
    """Mean of ||q - h_p||^2 over P and then over queries (Wang & Isola 2020); lower is closer.

    It equals 2 tau (alignment + spread) of `decompose`, whatever tau: mean over P of ||q - h_p||^2
    = ||q - h_bar||^2 + V (Huygens).

    Parameters
    ----------
    queries, keys, positives
        As `decompose`.

    Returns
    -------
    float
        Between 0 (every positive coincides with its query) and 4 (all are opposite).

    Raises
    ------
    ValueError
        As `decompose`.
    """
    problem = _unit_problem(queries, keys, positives, 1.0, None)
    return (2 - 2 * (problem.queries * problem.center()).sum(1)).mean().item()


def uniformity(features: Array, t: float = 2.0) -> float:
    """log of the mean of exp(-t ||x_i - x_j||^2) over pairs i != j (Wang & Isola 2020).

    The lower, the more evenly the points fill the sphere. It is the log-partition of the DNA loss
    averaged differently: with t = 1 / (2 tau), log Z of one query is 1 / tau + log N + the log of
    the mean of exp(-t ||q - h_k||^2).

    Parameters
    ----------
    features : Tensor or array, shape (n, d)
        At least two unit rows.
    t : float, default 2
        Inverse width of the kernel; larger sees only closer pairs.

    Returns
    -------
    float
        Between -4 t and 0 (all points coincide).

    Raises
    ------
    ValueError
        If there are fewer than two rows or they are not of unit length.
    """
    features = torch.as_tensor(features)
    _require_unit("features", features)
    n = len(features)
    if n < 2:
        raise ValueError(f"features hold {n} row(s), but uniformity needs pairs: give at least 2.")
    blocks = []
    for start in range(0, n, UNIFORMITY_BLOCK):
        block = features[start : start + UNIFORMITY_BLOCK]
        logits = 2 * t * (block @ features.T - 1)
        logits.diagonal(start).fill_(-math.inf)
        blocks.append(torch.logsumexp(logits, dim=1))
    return torch.logsumexp(torch.cat(blocks), dim=0).item() - math.log(n * (n - 1))


# --- k-means -------------------------------------------------------------------------------------


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
    problem = _problem(features, features, positives, 1.0, None)
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


# --- noise ---------------------------------------------------------------------------------------


def noise_shift(keys: Array, positives: Array, false: Array) -> NoiseShift:
    """How far false positives pull the center of a neighborhood: the quantitative case for filters.

    Derivation. With a share rho of false positives the center is a mixture,

        h_bar = (1 - rho) h_bar_true + rho h_bar_false,
        h_bar - h_bar_true = rho (h_bar_false - h_bar_true),

    so it moves by exactly rho ||h_bar_false - h_bar_true||. The precision of the neighbors is
    1 - rho: it enters the objective linearly. Length does not matter here.

    Parameters
    ----------
    keys : Tensor or array, shape (N, d)
        The bank.
    positives : Tensor or array of int64, shape (B, P)
        Rows of `keys`, padded with -1.
    false : Tensor or array of bool, shape (B, P)
        Whether a positive is of another fine category than its query; padding is ignored.

    Returns
    -------
    NoiseShift
        A query without a true positive has no true center: its distance and shift are NaN.

    Raises
    ------
    ValueError
        If a row has no positive, or the shapes differ.
    """
    keys, positives = torch.as_tensor(keys), torch.as_tensor(positives)
    false = torch.as_tensor(false)
    if false.shape != positives.shape:
        raise ValueError(
            f"false has shape {tuple(false.shape)} for positives of shape "
            f"{tuple(positives.shape)}: give one flag per positive."
        )
    present = positives >= 0
    _require_positives(keys, positives)
    n_false = (present & false).sum(1)
    true_center = _masked_mean(keys, positives, present & ~false)
    false_center = _masked_mean(keys, positives, present & false)
    return NoiseShift(
        rate=n_false.to(keys.dtype) / present.sum(1),
        distance=(false_center - true_center).norm(dim=1).masked_fill(n_false == 0, 0),
        shift=(_masked_mean(keys, positives, present) - true_center).norm(dim=1),
    )


# --- shared pieces -------------------------------------------------------------------------------


def unit_rows(features: Array) -> Tensor:
    """Rows in float64, scaled to length 1: what the identities of this module want.

    Parameters
    ----------
    features : Tensor or array, shape (n, d)
        No row may be zero.

    Returns
    -------
    Tensor of float64, shape (n, d)

    Raises
    ------
    ValueError
        If a row is zero or not finite.
    """
    features = torch.as_tensor(features, dtype=torch.float64)
    norms = features.norm(dim=1, keepdim=True)
    bad_rows = ~(norms.isfinite() & (norms > 0)).squeeze(1)
    if bad_rows.any():
        row = int(bad_rows.nonzero()[0])
        raise ValueError(
            f"row {row} has length {norms[row].item():g}, which cannot be scaled to 1: remove it."
        )
    return features / norms


@dataclass(frozen=True, eq=False)
class _Problem:
    """Checked inputs and the quantities that several statements share."""

    queries: Tensor
    keys: Tensor
    positives: Tensor
    mask: Tensor
    temperature: float
    self_index: Tensor | None

    def without_self(self, scores: Tensor) -> Tensor:
        if self.self_index is None:
            return scores
        return scores.scatter(1, self.self_index[:, None], -math.inf)

    def logits(self) -> Tensor:
        return self.without_self(self.queries @ self.keys.T / self.temperature)

    def log_partition(self) -> Tensor:
        return torch.logsumexp(self.logits(), dim=1)

    def loss(self) -> Tensor:
        log_softmax = self.logits().log_softmax(dim=1)
        return -self.positive_mean(_gather_columns(log_softmax, self.positives))

    def center(self) -> Tensor:
        return _masked_mean(self.keys, self.positives, self.mask)

    def positive_mean(self, values: Tensor) -> Tensor:
        return values.masked_fill(~self.mask, 0).sum(1) / self.mask.sum(1)

    def squared_distances(self) -> Tensor:
        # Through a matrix product, cdist would lose half of the digits.
        exact = "donot_use_mm_for_euclid_dist"
        return torch.cdist(self.queries, self.keys, compute_mode=exact).square()


def _problem(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None,
) -> _Problem:
    queries, keys = torch.as_tensor(queries), torch.as_tensor(keys)
    positives = torch.as_tensor(positives, device=keys.device)
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}, but it must be positive: DNA uses 0.07.")
    if queries.ndim != 2 or keys.ndim != 2 or queries.shape[1] != keys.shape[1]:
        raise ValueError(
            f"queries have shape {tuple(queries.shape)} and keys {tuple(keys.shape)}, but (B, d) "
            "and (N, d) with the same d are needed: give one row per query and per key."
        )
    if positives.ndim != 2 or len(positives) != len(queries):
        raise ValueError(
            f"positives have shape {tuple(positives.shape)} for {len(queries)} queries: give one "
            "row of key indices per query, padded with -1."
        )
    _require_positives(keys, positives)
    if self_index is not None:
        self_index = torch.as_tensor(self_index, device=keys.device)
        _require_self_outside(positives, self_index)
    return _Problem(queries, keys, positives, positives >= 0, temperature, self_index)


def _unit_problem(*inputs) -> _Problem:
    """`_problem` for statements about unit rows."""
    problem = _problem(*inputs)
    _require_unit("queries", problem.queries)
    _require_unit("keys", problem.keys)
    return problem


def _require_unit(name: str, features: Tensor) -> None:
    error = (features.norm(dim=1) - 1).abs()
    wrong = ~(error <= UNIT_TOLERANCE)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"row {row} of {name} has length {features[row].norm().item():g}, but this statement "
            "holds for unit vectors only: pass them through dnalib.theory.unit_rows."
        )


def _require_positives(keys: Tensor, positives: Tensor) -> None:
    if positives.numel() and not -1 <= int(positives.min()) <= int(positives.max()) < len(keys):
        raise ValueError(
            f"positives run from {int(positives.min())} to {int(positives.max())}, but with "
            f"{len(keys)} keys they must lie between 0 and {len(keys) - 1}, or be -1 for padding."
        )
    empty = ~(positives >= 0).any(dim=1)
    if empty.any():
        raise ValueError(
            f"query {int(empty.nonzero()[0])} has no positive ({int(empty.sum())} such queries in "
            "all), and its loss is then not defined: select the rows with (positives >= 0).any(1)."
        )
    ordered = positives.sort(dim=1).values
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        row = int(twice.any(1).nonzero()[0])
        raise ValueError(
            f"query {row} has the positive {int(ordered[row, 1:][twice[row]][0])} twice, but "
            "positives are a set: list every key once."
        )


def _require_self_outside(positives: Tensor, self_index: Tensor) -> None:
    if self_index.shape != (len(positives),):
        raise ValueError(
            f"self_index has shape {tuple(self_index.shape)} for {len(positives)} queries: give "
            "the index of one key per query."
        )
    inside = (positives == self_index[:, None]).any(1)
    if inside.any():
        row = int(inside.nonzero()[0])
        raise ValueError(
            f"query {row} is among its own positives although self_index leaves it out of the "
            "denominator: drop it from the positives or leave self_index out."
        )


def _gather_columns(values: Tensor, index: Tensor) -> Tensor:
    """values (B, N) at index (B, P), row by row; padding reads the first column."""
    return values.gather(1, index.clamp(min=0))


def _masked_mean(keys: Tensor, positives: Tensor, mask: Tensor) -> Tensor:
    """Mean (B, d) of the keys at the marked positives; NaN where none is marked."""
    weights = mask.to(keys.dtype)
    # An embedding bag sums without building the (B, P, d) tensor of gathered keys.
    sums = functional.embedding_bag(
        positives.clamp(min=0), keys, per_sample_weights=weights, mode="sum"
    )
    return sums / weights.sum(1, keepdim=True)
