"""The rows that a model was fitted on, and what can be read off them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dnalib.discovery.learning import Learned
from dnalib.discovery.sorting import Sorter
from dnalib.discovery.texts import Rows
from dnalib.naming import name_clusters


@dataclass(frozen=True, eq=False)
class Fitted:
    """The rows that a model was fitted on; a saved model does not keep them.

    Attributes
    ----------
    texts : list of str, length n
        Cleaned.
    features : ndarray of float32, shape (n, d)
        Unit features by the trained encoder; zeros where there is no text.
    coarse : ndarray of int64, shape (n,)
        Coarse label as given, -1 where missing.
    parents : ndarray of int64, shape (n,)
        Coarse class that the row's category belongs to.
    leaves : ndarray of int64, shape (n,)
        Category before any edit by hand; -1 without text.
    copy_of : ndarray of int64, shape (n,)
        First row that says the same, -1 for rows that were not learned from.
    """

    texts: list[str]
    features: np.ndarray
    coarse: np.ndarray
    parents: np.ndarray
    leaves: np.ndarray
    copy_of: np.ndarray

    @property
    def is_first(self) -> np.ndarray:
        """Whether each row was learned from and repeats no earlier one, (n,) bool."""
        return self.copy_of == np.arange(len(self.texts))

    def extended(
        self, texts: list[str], features: np.ndarray, given: np.ndarray, leaves: np.ndarray,
        sorter: Sorter,
    ) -> Fitted:  # fmt: skip
        """Return these rows with new ones after them, which nothing was learned from."""
        return Fitted(
            [*self.texts, *texts],
            np.concatenate([self.features, features]),
            np.concatenate([self.coarse, given]),
            np.concatenate([self.parents, _parents(leaves, given, sorter)]),
            np.concatenate([self.leaves, leaves]),
            np.concatenate([self.copy_of, np.full(len(leaves), -1)]),
        )

    def by_distance(self, labels: np.ndarray, category: int) -> np.ndarray:
        """Return the rows of a category, the nearest to the mean of its features first."""
        inside = np.flatnonzero(labels == category)
        # Of the difference: a product of unit rows cannot tell rows apart that lie close together.
        from_center = self.features[inside] - self.features[inside].mean(axis=0)
        return inside[np.argsort(np.linalg.norm(from_center, axis=1), kind="stable")]

    def without_copies(self, rows: np.ndarray) -> np.ndarray:
        """Return the first row of each text, in the order given."""
        first: dict[str, int] = {}
        for row in rows.tolist():
            first.setdefault(self.texts[row].casefold(), row)
        return np.array(list(first.values()), dtype=np.int64)

    def names(
        self,
        labels: np.ndarray,
        ids: Sequence[int],
        wanted: Iterable[int],
        names: Mapping[int, str],
    ) -> dict[int, str]:
        """Return names by words of the wanted categories, unlike each other and the others' names.

        Parameters
        ----------
        labels : ndarray (n,) int64
            Category of each row.
        ids : sequence of int
            All categories that are left.
        wanted : iterable of int
            Those to be named.
        names : mapping of int to str
            Names that the others have.
        """
        position = {category: index for index, category in enumerate(ids)}
        # Rows that were added, or had no coarse label, name only what holds no others.
        telling = self.is_first | ~np.isin(labels, labels[self.is_first])
        first = np.where(telling, labels, -1).tolist()
        compact = np.array([position.get(category, -1) for category in first])
        words = name_clusters(self.texts, compact, self.parents)
        words += ["(empty)"] * (len(ids) - len(words))
        wanted = list(wanted)
        taken = {
            names[category] for category in ids if category in names and category not in wanted
        }
        found: dict[int, str] = {}
        for category in wanted:
            found[category] = _untaken(words[position[category]], taken)
            taken.add(found[category])
        return found


def fitted_rows(rows: Rows, learned: Learned, features: np.ndarray, sorter: Sorter) -> Fitted:
    """Return all rows of the table, sorted into what was learned from some of them.

    Parameters
    ----------
    rows : Rows
    learned : Learned
    features : ndarray (n, d)
        Of all rows.
    sorter : Sorter
        The categories.
    """
    leaves = sorter.leaves(features, rows.coarse, rows.has_text)
    parents = _parents(leaves, rows.coarse, sorter)
    return Fitted(rows.texts, features, rows.coarse, parents, leaves, rows.copy_of)


def _parents(leaves: np.ndarray, given: np.ndarray, sorter: Sorter) -> np.ndarray:
    """Return the coarse class (n,) of each row's leaf, the given one where there is no text."""
    return np.where(leaves >= 0, sorter.parents[leaves], given)


def _untaken(name: str, taken: set[str]) -> str:
    """Return the name, with a number after it if it is taken."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
