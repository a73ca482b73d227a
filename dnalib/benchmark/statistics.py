"""What the spread of runs says: differences with intervals, and where their spread comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Difference:
    """ACC of one method less that of another, in points.

    Attributes
    ----------
    mean : float
        Over seeds and texts.
    low, high : float
        Ends of the 95 % bootstrap interval.
    p : float
        Two-sided: twice the share of bootstrap draws on the other side of 0, at most 1. The
        difference itself counts as one of the draws, so that a finite number of them cannot say 0.
    """

    mean: float
    low: float
    high: float
    p: float


def correctness(records: Sequence[dict], fine: ArrayLike) -> np.ndarray:
    """Return which test texts each run has in the right category, ``(runs, n)`` bool.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`, of one dataset, with ``predictions``.
    fine : array_like of int, shape (n,)
        True categories of the test texts.

    Raises
    ------
    ValueError
        If a run has predictions for another number of texts.
    """
    fine = np.asarray(fine)
    for record in records:
        if len(record["predictions"]) != len(fine):
            raise ValueError(
                f"run {record['key']} has {len(record['predictions'])} predictions but there are "
                f"{len(fine)} test texts: compare runs of one dataset only"
            )
    return np.array([np.asarray(record["predictions"]) == fine for record in records])


def paired_bootstrap(
    one: ArrayLike, other: ArrayLike, *, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Compare two methods on the same test texts and seeds.

    Each draw takes as many texts as there are, with replacement, the same for both methods and all
    seeds. Seeds are too few to be drawn from: three of them, drawn so, would show two thirds of
    their variance. Their part of a draw is the standard error that they have among themselves
    times a draw from Student's distribution with one degree of freedom fewer than there are seeds.
    So the interval speaks of other seeds and of other texts of the same kind; of one seed it
    speaks of other texts alone.

    Parameters
    ----------
    one, other : array_like of bool, shape (seeds, n)
        Of `correctness`, rows paired by seed.
    draws : int, default 10,000
        More make the interval's ends and small p steadier.
    seed : int, default 0

    Raises
    ------
    ValueError
        If the two differ in shape or are empty.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13. Davison and
    Hinkley, Bootstrap Methods and their Application, 1997, section 4.2 (the 1 that is added).
    """
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    if one.shape != other.shape or one.ndim != 2 or not one.size:
        raise ValueError(
            f"the two methods have shapes {one.shape} and {other.shape}: expected the same "
            "(seeds, n), neither of them 0; take the seeds that both have"
        )
    gaps = 100 * (one - other)
    rng = np.random.default_rng(seed)
    means = _draw_texts(gaps.mean(axis=0), draws, rng) + _draw_seeds(gaps.mean(axis=1), draws, rng)
    low, high = np.quantile(means, [0.025, 0.975])
    beyond = 2 * (1 + min(np.sum(means <= 0), np.sum(means >= 0))) / (1 + len(means))
    return Difference(gaps.mean(), float(low), float(high), float(min(1, beyond)))


def _draw_texts(gaps: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the mean gap of each draw of the n texts, with replacement."""
    # Gaps of texts, means over few seeds, take few values: how often each is drawn says it all.
    values, counts = np.unique(gaps, return_counts=True)
    return rng.multinomial(len(gaps), counts / len(gaps), size=draws) @ values / len(gaps)


def _draw_seeds(gaps: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray | float:
    """Return what other seeds would have added to the mean gap of these, once a draw."""
    if len(gaps) == 1:
        return 0.0
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    return error * rng.standard_t(len(gaps) - 1, size=draws)


def differences(runs: Mapping[str, Sequence[dict]], fine: ArrayLike, against: str) -> pd.DataFrame:
    """Compare every method with one of them, on the seeds that both have.

    Parameters
    ----------
    runs : mapping of str to sequence of dict
        Name of each method to its runs on one dataset.
    fine : array_like of int, shape (n,)
        True categories of the test texts.
    against : str
        The method that the others are compared with.

    Returns
    -------
    DataFrame
        Columns method, seeds (how many both have), difference, low, high, p: see `Difference`;
        the largest difference first. A method without a seed in common is left out.

    Raises
    ------
    ValueError
        If there is no run of `against`.
    """
    if against not in runs:
        raise ValueError(f"there is no run of {against!r}: expected one of {', '.join(runs)}")
    pairs = {method: against for method in runs if method != against}
    return gains(runs, fine, pairs).drop(columns="baseline")


def gains(
    runs: Mapping[str, Sequence[dict]], fine: ArrayLike, baselines: Mapping[str, str | None]
) -> pd.DataFrame:
    """Compare every method with a baseline of its own, on the seeds that both have.

    Parameters
    ----------
    runs, fine
        As in `differences`.
    baselines : mapping of str to str or None
        Name of each method to the one that it is compared with, such as `Method.baseline`.

    Returns
    -------
    DataFrame
        Columns method, baseline, seeds (how many both have), difference, low, high, p: see
        `Difference`; the largest difference first. A method is left out that has no baseline, or
        no seed in common with it.
    """
    rows = []
    for method, baseline in baselines.items():
        pairs = _same_seeds(runs.get(method, ()), runs.get(baseline, ()))
        if pairs:
            one, other = (correctness(side, fine) for side in zip(*pairs, strict=True))
            found = paired_bootstrap(one, other)
            rows.append([method, baseline, len(pairs), found.mean, found.low, found.high, found.p])
    columns = ["method", "baseline", "seeds", "difference", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("difference", ascending=False, ignore_index=True)


def _same_seeds(one: Sequence[dict], other: Sequence[dict]) -> list[tuple[dict, dict]]:
    by_seed = {record["seed"]: record for record in other}
    return [(record, by_seed[record["seed"]]) for record in one if record["seed"] in by_seed]


def acc_readings(record: dict) -> pd.Series:
    """Return the ACC that three ways of clustering a run's features give, in percent, by name.

    Parameters
    ----------
    record : dict
        A line of a `ResultStore`, with ``acc``, ``kmeans_acc`` and ``ward``.
    """
    seeds = [record["acc"], *record["kmeans_acc"]]
    return pd.Series(
        {
            "protocol's k-means": record["acc"],
            f"mean of {len(seeds)} k-means seeds": np.mean(seeds),
            "from Ward's clusters": record["ward"]["acc"],
        }
    )


def split_spread(records: Sequence[dict]) -> dict[str, float]:
    """Tell the spread that training makes from the spread that k-means makes on fixed features.

    Parameters
    ----------
    records : sequence of dict
        Runs of one dataset and method, at least two seeds, with ``acc`` and ``kmeans_acc``.

    Returns
    -------
    dict
        Standard deviations in points of ACC: ``kmeans``, within runs; ``training``, between
        runs, what k-means adds to it taken off (0 where it explains all).

    Raises
    ------
    ValueError
        If there is one run only.
    """
    if len(records) < 2:
        raise ValueError(
            f"there are {len(records)} runs: expected two seeds at least; run more seeds"
        )
    acc = np.array([[record["acc"], *record["kmeans_acc"]] for record in records])
    within = acc.var(axis=1, ddof=1).mean()
    between = acc.mean(axis=1).var(ddof=1) - within / acc.shape[1]
    return {"kmeans": float(np.sqrt(within)), "training": float(np.sqrt(max(0.0, between)))}


def score_categories(
    records: Sequence[dict], fine: ArrayLike, names: Sequence[str]
) -> pd.DataFrame:
    """Return what became of each category, the worst first.

    Parameters
    ----------
    records : sequence of dict
        Runs of one dataset and method.
    fine : array_like of int, shape (n,)
    names : sequence of str
        Of the categories.

    Returns
    -------
    DataFrame
        Columns category, texts, found (share of its texts in the right category, mean over runs),
        taken_for (the category that most of the others went to; "" where none went elsewhere),
        share (of its texts).
    """
    fine = np.asarray(fine)
    counts = np.zeros((len(names), len(names) + 1))
    for record in records:
        np.add.at(counts, (fine, np.asarray(record["predictions"])), 1 / len(records))
    counts = counts[:, :-1]  # predictions of -1, which the last column took, are no category
    sizes = np.bincount(fine, minlength=len(names))
    present = np.flatnonzero(sizes)
    elsewhere = counts - np.diag(np.diag(counts))
    most = elsewhere.max(axis=1)
    taken_for = np.where(most > 0, np.array(names)[elsewhere.argmax(axis=1)], "")
    table = pd.DataFrame(
        {
            "category": np.array(names)[present],
            "texts": sizes[present],
            "found": np.diag(counts)[present] / sizes[present],
            "taken_for": taken_for[present],
            "share": most[present] / sizes[present],
        }
    )
    return table.sort_values("found", ignore_index=True, kind="stable")
