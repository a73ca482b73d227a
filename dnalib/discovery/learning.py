"""From rows to centers: choose the rows, train an encoder on them, count, cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import nn

from dnalib.clustering import NumberEstimate, ParentedClustering, cluster_within
from dnalib.datasets import CoarseDataset, Split
from dnalib.discovery.counting import Wanted, count_categories, wanted_numbers
from dnalib.discovery.texts import Rows
from dnalib.methods import METHODS, Method, Run, get_method, run
from dnalib.training import TrainingConfig
from dnalib.whole import require_whole

if TYPE_CHECKING:
    from dnalib.discovery.estimator import FineCategoryDiscovery

FEWEST_STEPS = 60
"""Training steps below which a small table gets more epochs."""
MOST_EPOCHS = 30
AUTO = "auto"
FIRST = "dna"
THEN = "dna-plus"
TEXTS_A_CATEGORY = 25
"""Mean size of a category from which on `THEN` follows `FIRST` where the method is `AUTO`."""
ROUNDS = 3
FAR_OFF = 1.15
"""Times more or fewer categories found than expected, from which on training starts again."""

Numbers = dict[int, NumberEstimate]
"""Categories of each coarse class."""


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
    method : str
        That it was trained by.
    encoder : nn.Module
        As trained.
    history : DataFrame
        One row an epoch.
    """

    chosen: np.ndarray
    coarse: np.ndarray
    embeddings: np.ndarray
    features: np.ndarray
    numbers: Numbers
    clustering: ParentedClustering
    method: str
    encoder: nn.Module
    history: pd.DataFrame


def learn(model: FineCategoryDiscovery, rows: Rows) -> Learned:
    """Learn categories from the rows with the settings of a model, which is not changed.

    How many neighbors a text learns from depends on how many categories are expected, by the
    embeddings before training. Where far fewer or more are found after it, the lists were too short
    or too long, and the encoder is trained again, from its start, with the number found.

    The method "auto" does this with DNA. Once the number is settled, or from the beginning where
    it was given, DNA+ takes its place if categories hold `TEXTS_A_CATEGORY` and more on average:
    smaller ones it learns less well (a trial on the example table, 13 texts a category: 74.0 ACC
    against DNA's 78.1; true numbers, three seeds). By itself it finds whatever number it was told
    to expect (116 for 120 on HWU64, which has 64), so that an interval keeps what DNA left open.

    Raises
    ------
    ValueError
        If the method is unknown or a setting is out of range.
    """
    if not isinstance(model.method, Method) and model.method not in (AUTO, *METHODS):
        raise ValueError(
            f"method {model.method!r} is unknown: expected '{AUTO}' or one of {', '.join(METHODS)}"
        )
    for name, least in (("max_rows", 1), ("n_init", 1), ("seed", 0)):
        require_whole(name, getattr(model, name), least)
    TrainingConfig.check_names(model.settings or {})  # `run` would take its own arguments from it
    chosen = choose(rows, model.max_rows, model.seed)
    table = _Table(model, rows, chosen, wanted_numbers(model.n_fine, rows, chosen))
    embeddings = table.train("embeddings").train_features
    numbers = table.count(embeddings, "communities")
    first = FIRST if model.method == AUTO else model.method
    trained = None
    if not table.all_given:
        trained, numbers = _settle(table, first, numbers)
    is_large = len(chosen) >= TEXTS_A_CATEGORY * _in_all(numbers)
    method = THEN if model.method == AUTO and is_large else first
    if trained is None or trained.method != get_method(method).name:
        trained, found = table.train_and_count(method, _in_all(numbers))
        numbers = {parent: found[parent].widened(number) for parent, number in numbers.items()}
    clustering = cluster_within(
        trained.train_features,
        table.coarse,
        {parent: number.estimate for parent, number in numbers.items()},
        n_init=model.n_init,
        seed=model.seed,
    )
    return Learned(
        chosen=chosen,
        coarse=table.coarse,
        embeddings=embeddings,
        features=trained.train_features,
        numbers=numbers,
        clustering=clustering,
        method=trained.method,
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


def default_epochs(n: int, batch_size: int, usual: int = 8) -> int:
    """Return the usual number, and more where so many passes over n texts would be few steps."""
    steps = -(-n // batch_size)
    return max(usual, min(-(-FEWEST_STEPS // steps), MOST_EPOCHS))


@dataclass(frozen=True, eq=False)
class _Table:
    """The rows to learn from, and how the settings of a model treat them."""

    model: FineCategoryDiscovery
    rows: Rows
    chosen: np.ndarray
    wanted: Wanted

    @property
    def coarse(self) -> np.ndarray:
        """Coarse classes of the chosen rows."""
        return self.rows.coarse[self.chosen]

    @property
    def all_given(self) -> bool:
        """Whether no number of categories is left to be found."""
        return isinstance(self.wanted, int) or len(self.wanted) == len(self.rows.parents)

    def train_and_count(self, method: str | Method, n_fine: int) -> tuple[Run, Numbers]:
        """Train with what suits the rows and n_fine categories, below the model's own settings."""
        n, given = len(self.chosen), dict(self.model.settings or {})
        recipe = get_method(method)
        usual = TrainingConfig(**recipe.settings)
        if "batch_size" in given:  # it is checked here, for the epochs are reckoned from it
            usual = replace(usual, batch_size=given["batch_size"])
        epochs = self.model.epochs
        if epochs is None:
            epochs = default_epochs(n, usual.batch_size, usual.epochs)
        suited = {"k": max(1, min(round(n / n_fine), n - 1)), "epochs": epochs}
        trained = self.train(method, n_fine, **(suited | given))
        rule = "communities" if recipe.objective is None else "silhouette"
        return trained, self.count(trained.train_features, rule)

    def train(self, method: str | Method, n_fine: int | None = None, **settings) -> Run:
        """Run a method on the rows as a dataset of n_fine categories."""
        return run(
            self._as_dataset(n_fine),
            method,
            seed=self.model.seed,
            encoder=self.model.encoder,
            max_length=self.model.max_length,
            progress=self.model.progress,
            **settings,
        )

    def count(self, features: np.ndarray, rule: str) -> Numbers:
        """Count the categories of each coarse class, or take the numbers that were given."""
        return count_categories(
            features,
            self.coarse,
            self.wanted,
            rule=rule,
            seed=self.model.seed,
            progress=self.model.progress,
        )

    def _as_dataset(self, n_fine: int | None) -> CoarseDataset:
        """Return the rows as a dataset; nothing is held out, for nothing is scored.

        Methods that need to know the number of fine categories read it off the names.
        """
        train = Split([self.rows.texts[row] for row in self.chosen], self.coarse)
        one = Split(train.inputs[:1], train.coarse[:1])
        numbered = None if n_fine is None else tuple(map(str, range(n_fine)))
        return CoarseDataset("table", "text", train, one, self.rows.parents, numbered, {})


def _settle(table: _Table, method: str | Method, numbers: Numbers) -> tuple[Run, Numbers]:
    """Train with the number expected until about as many are found, `ROUNDS` times at most."""
    for _ in range(1 if "k" in (table.model.settings or {}) else ROUNDS):
        expected = _in_all(numbers)
        trained, numbers = table.train_and_count(method, expected)
        if 1 / FAR_OFF <= _in_all(numbers) / expected <= FAR_OFF:
            break
    return trained, numbers


def _in_all(numbers: Numbers) -> int:
    return sum(number.estimate for number in numbers.values())
