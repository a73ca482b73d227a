"""What every statement shares: checked inputs, and the quantities that several of them need."""

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

Array = Tensor | ArrayLike

UNIT_TOLERANCE = 1e-4


def unit_rows(features: Array) -> Tensor:
    """Rows in float64, scaled to length 1: what the identities want.

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
class Problem:
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
        return -self.positive_mean(gather_columns(log_softmax, self.positives))

    def center(self) -> Tensor:
        return masked_mean(self.keys, self.positives, self.mask)

    def positive_mean(self, values: Tensor) -> Tensor:
        return values.masked_fill(~self.mask, 0).sum(1) / self.mask.sum(1)

    def squared_distances(self) -> Tensor:
        # Through a matrix product, cdist would lose half of the digits.
        exact = "donot_use_mm_for_euclid_dist"
        return torch.cdist(self.queries, self.keys, compute_mode=exact).square()


def make_problem(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None,
) -> Problem:
    queries, keys = _of_one_type(torch.as_tensor(queries), torch.as_tensor(keys))
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
    require_positives(keys, positives)
    if self_index is not None:
        self_index = torch.as_tensor(self_index, device=keys.device)
        _require_self_outside(positives, self_index, len(keys))
    return Problem(queries, keys, positives, positives >= 0, temperature, self_index)


def _of_one_type(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in the more exact of their types, whole numbers as fractions."""
    kind = torch.promote_types(queries.dtype, keys.dtype)
    if not kind.is_floating_point:
        kind = torch.get_default_dtype()
    return queries.to(kind), keys.to(kind)


def unit_problem(*inputs) -> Problem:
    """`make_problem` for statements about unit rows."""
    problem = make_problem(*inputs)
    require_unit("queries", problem.queries)
    require_unit("keys", problem.keys)
    return problem


def require_unit(name: str, features: Tensor) -> None:
    error = (features.norm(dim=1) - 1).abs()
    wrong = ~(error <= UNIT_TOLERANCE)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"row {row} of {name} has length {features[row].norm().item():g}, but this statement "
            "holds for unit vectors only: pass them through dnalib.theory.unit_rows."
        )


def require_positives(keys: Tensor, positives: Tensor) -> None:
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


def _require_self_outside(positives: Tensor, self_index: Tensor, n: int) -> None:
    if self_index.shape != (len(positives),):
        raise ValueError(
            f"self_index has shape {tuple(self_index.shape)} for {len(positives)} queries: give "
            "the index of one key per query."
        )
    if len(self_index) and not 0 <= int(self_index.min()) <= int(self_index.max()) < n:
        raise ValueError(
            f"self_index runs from {int(self_index.min())} to {int(self_index.max())}, but with "
            f"{n} keys it must lie between 0 and {n - 1}."
        )
    inside = (positives == self_index[:, None]).any(1)
    if inside.any():
        row = int(inside.nonzero()[0])
        raise ValueError(
            f"query {row} is among its own positives although self_index leaves it out of the "
            "denominator: drop it from the positives or leave self_index out."
        )


def gather_columns(values: Tensor, index: Tensor) -> Tensor:
    """values (B, N) at index (B, P), row by row; padding reads the first column."""
    return values.gather(1, index.clamp(min=0))


def masked_mean(keys: Tensor, positives: Tensor, mask: Tensor) -> Tensor:
    """Mean (B, d) of the keys at the marked positives; NaN where none is marked."""
    weights = mask.to(keys.dtype)
    # An embedding bag sums without building the (B, P, d) tensor of gathered keys.
    sums = functional.embedding_bag(
        positives.clamp(min=0), keys, per_sample_weights=weights, mode="sum"
    )
    return sums / weights.sum(1, keepdim=True)
