"""From rows to centers: choose the rows, train an encoder on them, count, cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import nn

from dnalib.clustering import NumberEstimate, ParentedClustering, cluster_within
from dnalib.datasets import CoarseDataset, Split
from dnalib.discovery.counting import Wanted, count_categories, wanted_numbers
from dnalib.discovery.texts import Rows
from dnalib.methods import Run, get_method, run

if TYPE_CHECKING:
    from dnalib.discovery.estimator import FineCategoryDiscovery

FEWEST_STEPS = 60
"""Training steps below which a small table gets more epochs."""
MOST_EPOCHS = 30
ROUNDS = 2
FAR_OFF = 1.25
"""Times more or fewer categories found than expected, from which on training starts again."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned from the chosen rows.

    Attributes
    ----------
    chosen : ndarray (m,) int64
        The rows that were learned from, distinct and ascending.
    coarse : ndarray (m,) int64
        Their coarse classes.
    embeddings : ndarray (m, d)
        Their unit features before training.
    features : ndarray (m, d)
        Their unit features after it.
    numbers : dict of int to NumberEstimate
        Categories of each coarse class.
    clustering : ParentedClustering
        Of `features`.
    encoder : nn.Module
        As trained.
    history : DataFrame
        One row an epoch.
    """

    chosen: np.ndarray
    coarse: np.ndarray
    embeddings: np.ndarray
    features: np.ndarray
    numbers: dict[int, NumberEstimate]
    clustering: ParentedClustering
    encoder: nn.Module
    history: pd.DataFrame


def learn(model: FineCategoryDiscovery, rows: Rows) -> Learned:
    """Learn categories from the rows with the settings of a model, which is not changed.

    How many neighbors a text learns from depends on how many categories are expected, by the
    embeddings before training. Where far fewer or more are found after it, the lists were too short
    or too long, and the encoder is trained once more, from its start, with the number found.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """
    chosen = choose(rows, model.max_rows, model.seed)
    wanted = wanted_numbers(model.n_fine, rows)
    coarse = rows.coarse[chosen]
    embeddings = _run(model, "embeddings", _as_dataset(rows, chosen)).train_features
    numbers = _count(model, embeddings, coarse, wanted, "communities")
    is_trained = get_method(model.method).objective is not None
    rule = "silhouette" if is_trained else "communities"
    k_is_open = is_trained and "k" not in (model.settings or {})
    for _ in range(ROUNDS if k_is_open else 1):
        expected = _in_all(numbers)
        trained = _train(model, rows, chosen, expected)
        numbers = _count(model, trained.train_features, coarse, wanted, rule)
        if 1 / FAR_OFF <= _in_all(numbers) / expected <= FAR_OFF:
            break
    clustering = cluster_within(
        trained.train_features,
        coarse,
        {parent: number.estimate for parent, number in numbers.items()},
        n_init=model.n_init,
        seed=model.seed,
    )
    return Learned(
        chosen=chosen,
        coarse=coarse,
        embeddings=embeddings,
        features=trained.train_features,
        numbers=numbers,
        clustering=clustering,
        encoder=trained.encoder,
        history=trained.history,
    )


def choose(rows: Rows, most: int, seed: int) -> np.ndarray:
    """Return the distinct rows to learn from: all, or a draw in proportion to the classes.

    Raises
    ------
    ValueError
        If `most` is less than two for each coarse class.
    """
    if most < 2 * len(rows.parents):
        raise ValueError(
            f"max_rows is {most}, expected at least two for each of the {len(rows.parents)} "
            "coarse classes"
        )
    if len(rows.distinct) <= most:
        return rows.distinct
    rng = np.random.default_rng(seed)
    share = most / len(rows.distinct)
    drawn = []
    for parent in range(len(rows.parents)):
        inside = rows.distinct[rows.coarse[rows.distinct] == parent]
        drawn.append(rng.permutation(inside)[: max(1, int(share * len(inside)))])
    return np.sort(np.concatenate(drawn))


def default_epochs(n: int, batch_size: int) -> int:
    """Return 8, and more where 8 passes over n texts would be few steps."""
    steps = -(-n // batch_size)
    return min(max(8, -(-FEWEST_STEPS // steps)), MOST_EPOCHS)


def _in_all(numbers: dict[int, NumberEstimate]) -> int:
    return sum(number.estimate for number in numbers.values())


def _count(
    model: FineCategoryDiscovery,
    features: np.ndarray,
    coarse: np.ndarray,
    wanted: Wanted,
    rule: str,
) -> dict[int, NumberEstimate]:
    return count_categories(
        features, coarse, wanted, rule=rule, seed=model.seed, progress=model.progress
    )


def _train(model: FineCategoryDiscovery, rows: Rows, chosen: np.ndarray, n_fine: int) -> Run:
    """Train with the model's settings over those that suit the rows and n_fine categories."""
    n, given = len(chosen), dict(model.settings or {})
    suited = {
        "k": max(1, min(round(n / n_fine), n - 1)),
        "epochs": model.epochs or default_epochs(n, given.get("batch_size", 64)),
    }
    return _run(model, model.method, _as_dataset(rows, chosen, n_fine), **(suited | given))


def _run(model: FineCategoryDiscovery, method: str, dataset: CoarseDataset, **settings) -> Run:
    return run(
        dataset,
        method,
        seed=model.seed,
        encoder=model.encoder,
        max_length=model.max_length,
        progress=model.progress,
        **settings,
    )


def _as_dataset(rows: Rows, chosen: np.ndarray, n_fine: int | None = None) -> CoarseDataset:
    """Return the rows to learn from as a dataset; nothing is held out, for nothing is scored.

    Methods that need to know the number of fine categories read it off the names.
    """
    train = Split([rows.texts[row] for row in chosen], rows.coarse[chosen])
    one = Split(train.inputs[:1], train.coarse[:1])
    numbered = None if n_fine is None else tuple(map(str, range(n_fine)))
    return CoarseDataset("table", "text", train, one, rows.parents, numbered, {})
