"""Alignment and uniformity of unit vectors (Wang and Isola, ICML 2020), and what they are of L."""

import math

import torch

from dnalib.theory.problem import Array, require_unit, unit_problem

UNIFORMITY_BLOCK = 1024


def alignment(queries: Array, keys: Array, positives: Array) -> float:
    """Mean of ||q - h_p||^2 over P and then over queries (Wang & Isola 2020); lower is closer.

    It equals 2 tau (attraction + spread) of `decompose`, whatever tau: mean over P of ||q - h_p||^2
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
    problem = unit_problem(queries, keys, positives, 1.0, None)
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
    require_unit("features", features)
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
