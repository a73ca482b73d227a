"""Sorting texts into categories: the nearest center in a class, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from dnalib.clustering import closeness
from dnalib.discovery.edits import (
    Cut,
    Edit,
    Merge,
    replay,
    replay_parents,
    replay_probabilities,
)

NO_TEXT = -1
"""The label of a row that holds no text."""
BLOCK = 4096
"""Rows compared with all centers at a time, so that memory does not grow with the table."""
OUTLYING = 0.01
"""Share of each category's own texts that count as far from its center."""


@dataclass(frozen=True)
class Temperatures:
    """Scales of the softmax over closeness, see `dnalib.discovery.quality.temperature`.

    Attributes
    ----------
    known : float
        Of rows whose coarse class is known.
    open : float
        Of rows whose class is predicted along with the category, which may go wrong as well.
    """

    known: float
    open: float

    def of(self, given: np.ndarray) -> np.ndarray:
        """Return the scale of each row (n, 1) from its coarse class (n,), -1 if not known."""
        return np.where(given >= 0, self.known, self.open)[:, None]


@dataclass(frozen=True, eq=False)
class Sorter:
    """The categories of a model: where their centers are, and what was done to them by hand.

    Texts belong to the nearest center of their coarse class (a *leaf*); the edits, replayed over
    the leaves, give the categories.

    Attributes
    ----------
    centers : ndarray (K, d)
        As discovered.
    parents : ndarray (K,) int64
        Coarse class of each.
    edits : sequence of Edit
    """

    centers: np.ndarray
    parents: np.ndarray
    edits: Sequence[Edit]

    # --- the categories ---

    def parent_of(self) -> dict[int, int]:
        """Return the coarse class of each category that is left, by its id."""
        return replay_parents(self.edits, dict(enumerate(self.parents.tolist())))

    def ids(self) -> list[int]:
        """Return the ids of the categories that are left, those of one class together."""
        parents = self.parent_of()
        return sorted(parents, key=lambda category: (parents[category], category))

    def next_id(self) -> int:
        """Return an id that no category has or had."""
        made = [edit.into for edit in self.edits if isinstance(edit, Merge)]
        made += [part for edit in self.edits if isinstance(edit, Cut) for part in edit.parts]
        return max([len(self.centers) - 1, *made]) + 1

    # --- texts ---

    def leaves(self, features: np.ndarray, given: np.ndarray, has_text: np.ndarray) -> np.ndarray:
        """Return the nearest center (n,) int64 of each row, -1 without text.

        Parameters
        ----------
        features : ndarray (n, d)
        given : ndarray (n,) int64
            Coarse class whose centers count; -1 where it is not known and all of them do.
        has_text : ndarray (n,) bool
        """
        return np.where(has_text, nearest(features, given, self.centers, self.parents), NO_TEXT)

    def labels(self, leaves: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return the categories (n,) that `leaves` (n,) of rows `features` (n, d) have become."""
        return replay(self.edits, leaves, features)

    def scores(self, features: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return the closeness to every center (n, K), -inf where the given class forbids it."""
        forbidden = (given >= 0)[:, None] & (self.parents[None] != given[:, None])
        return np.where(forbidden, -np.inf, closeness(features, self.centers))

    def probabilities(
        self, features: np.ndarray, given: np.ndarray, temperatures: Temperatures
    ) -> np.ndarray:
        """Return the probability (n, C) of each category that is left, in the order of `ids`."""
        scale = temperatures.of(given)
        raw = softmax(self.scores(features, given) / scale, axis=1)
        by_id = replay_probabilities(self.edits, dict(enumerate(raw.T)), features, scale)
        return np.stack([by_id[category] for category in self.ids()], axis=1)

    def confidence(
        self,
        features: np.ndarray,
        given: np.ndarray,
        labels: np.ndarray,
        temperatures: Temperatures,
    ) -> np.ndarray:
        """Return the probability (n,) of the category that each row is in, NaN without text."""
        column = {category: position for position, category in enumerate(self.ids())}
        columns = np.array([column.get(category, 0) for category in labels.tolist()], dtype=int)
        held = np.full(len(labels), np.nan)
        for part in _blocks(np.flatnonzero(labels != NO_TEXT)):
            probabilities = self.probabilities(features[part], given[part], temperatures)
            held[part] = probabilities[np.arange(len(part)), columns[part]]
        return held

    # --- what lies far from everything ---

    def edges(self, features: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        """Return the closeness that all but `OUTLYING` of each center's rows reach, (K,)."""
        own = self._own_closeness(features, leaves)
        inside = [own[leaves == center] for center in range(len(self.centers))]
        return np.array([np.quantile(v, OUTLYING) if len(v) else np.inf for v in inside])

    def is_far(self, features: np.ndarray, leaves: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return whether each row lies beyond the edge of the center it is nearest to, (n,)."""
        return (leaves != NO_TEXT) & (self._own_closeness(features, leaves) < edges[leaves])

    def _own_closeness(self, features: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        own = np.empty(len(features))
        for part in _blocks(np.arange(len(features))):
            centers = self.centers[leaves[part]]
            own[part] = (features[part] * centers).sum(axis=1) - 0.5 * (centers**2).sum(axis=1)
        return own


def nearest(
    features: np.ndarray, given: np.ndarray, centers: np.ndarray, parents: np.ndarray
) -> np.ndarray:
    """Return the nearest of the centers (K, d) of each row's class, of all where it is -1, (n,)."""
    labels = np.empty(len(features), dtype=np.int64)
    for parent in np.unique(given):
        own = np.flatnonzero((parents == parent) | (parent < 0))
        for part in _blocks(np.flatnonzero(given == parent)):
            labels[part] = own[closeness(features[part], centers[own]).argmax(axis=1)]
    return labels


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows (n,), `BLOCK` at a time."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
