"""The DNA loss written in four other forms, each exactly equal to it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dnalib.theory.problem import Array, gather_columns, make_problem, unit_problem


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The terms of the DNA loss, one value a query; see `decompose`.

    Attributes
    ----------
    loss : Tensor, shape (B,)
        L, from its definition.
    attraction : Tensor, shape (B,)
        ||q - h_bar||^2 / (2 tau), to the center of the neighborhood.
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
    attraction: Tensor
    log_partition: Tensor
    spread: Tensor
    constant: float
    center: Tensor
    center_norm: Tensor

    def total(self) -> Tensor:
        """Sum of the four terms, shape (B,): equal to `loss`."""
        return self.attraction + self.log_partition + self.spread + self.constant

    def means(self) -> dict[str, float]:
        """Mean over the queries of the loss and of each term, e.g. to follow them in training."""
        terms = ("loss", "attraction", "log_partition", "spread", "center_norm")
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
    attraction : Tensor, shape (B,)
        (||h_bar|| / (2 tau)) ||q - h_hat||^2 with h_hat = h_bar / ||h_bar||.
    log_partition : Tensor, shape (B,)
        log Z.
    constant : Tensor, shape (B,)
        -||h_bar|| / tau; constant in q.
    """

    attraction: Tensor
    log_partition: Tensor
    constant: Tensor

    def total(self) -> Tensor:
        """Sum of the three terms, shape (B,): the loss."""
        return self.attraction + self.log_partition + self.constant


def decompose(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Decomposition:
    """Split the DNA loss into attraction, log-partition, spread and a constant. An equality.

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
        tau > 0. Dividing by it scales attraction and spread; in log Z a small one leaves only the
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
    >>> from dnalib.theory import unit_rows
    >>> keys = unit_rows(torch.randn(50, 8))
    >>> parts = decompose(keys[:2], keys, [[4, 7], [9, -1]], 0.07)
    >>> torch.allclose(parts.loss, parts.total())
    True
    """
    problem = unit_problem(queries, keys, positives, temperature, self_index)
    center = problem.center()
    key_squares = problem.keys.square().sum(1)
    mean_square = problem.positive_mean(key_squares[problem.positives.clamp(min=0)])
    center_square = center.square().sum(1)
    return Decomposition(
        loss=problem.loss(),
        attraction=(problem.queries - center).square().sum(1) / (2 * temperature),
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

    No constant is left. The first term equals attraction + spread of `decompose`. The second is, up
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
    problem = unit_problem(queries, keys, positives, temperature, self_index)
    squares = problem.squared_distances() / (2 * temperature)
    return PairwiseForm(
        attraction=problem.positive_mean(gather_columns(squares, problem.positives)),
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
    problem = unit_problem(queries, keys, positives, temperature, self_index)
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
        attraction=norm * distance / (2 * temperature),
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
    problem = make_problem(queries, keys, positives, temperature, self_index)
    center = problem.center()
    distance = (problem.queries - center).square().sum(1)
    norms = problem.queries.square().sum(1) + center.square().sum(1)
    return (distance - norms) / (2 * temperature) + problem.log_partition()


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
