"""What a person changed by hand: categories renamed, merged and split, in order.

A model keeps its edits as a list and replays them over the nearest centers. An id, once given,
never means other texts: a merge and a split give new ids, and the old ones are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from dnalib.clustering import closeness


@dataclass(frozen=True)
class Rename:
    """Category `category` is called `name`."""

    category: int
    name: str


@dataclass(frozen=True)
class Merge:
    """The texts of `categories` are those of the new category `into`."""

    categories: tuple[int, ...]
    into: int


@dataclass(frozen=True, eq=False)
class Cut:
    """The texts of `category` go to the new `parts`, each to the nearest of `centers` (p, d)."""

    category: int
    parts: tuple[int, ...]
    centers: np.ndarray


Edit = Rename | Merge | Cut


def replay(edits: Sequence[Edit], labels: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the categories (n,) that `labels` (n,) of rows `features` (n, d) have become."""
    labels = labels.copy()
    for edit in edits:
        if isinstance(edit, Merge):
            labels[np.isin(labels, edit.categories)] = edit.into
        elif isinstance(edit, Cut):
            rows = np.flatnonzero(labels == edit.category)
            nearest = closeness(features[rows], edit.centers).argmax(axis=1)
            labels[rows] = np.asarray(edit.parts)[nearest]
    return labels


def replay_probabilities(
    edits: Sequence[Edit],
    probabilities: dict[int, np.ndarray],
    features: np.ndarray,
    scale: np.ndarray,
) -> dict[int, np.ndarray]:
    """Return the probability (n,) of each category that is left.

    A merge adds probabilities up; a split shares one out by the softmax of the closeness to the
    parts' centers divided by each row's `scale` (n, 1).
    """
    probabilities = dict(probabilities)
    for edit in edits:
        if isinstance(edit, Merge):
            probabilities[edit.into] = sum(probabilities.pop(old) for old in edit.categories)
        elif isinstance(edit, Cut):
            shares = softmax(closeness(features, edit.centers) / scale, axis=1)
            whole = probabilities.pop(edit.category)
            probabilities |= {p: whole * shares[:, i] for i, p in enumerate(edit.parts)}
    return probabilities


def replay_parents(edits: Sequence[Edit], parents: dict[int, int]) -> dict[int, int]:
    """Return the coarse class of each category that is left, by its id."""
    parents = dict(parents)
    for edit in edits:
        if isinstance(edit, Merge):
            parents[edit.into] = [parents.pop(old) for old in edit.categories][0]
        elif isinstance(edit, Cut):
            parent = parents.pop(edit.category)
            parents |= dict.fromkeys(edit.parts, parent)
    return parents


def to_json(edits: Sequence[Edit]) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Return the edits as plain values, and the arrays that belong to them by name."""
    plain, arrays = [], {}
    for number, edit in enumerate(edits):
        if isinstance(edit, Rename):
            plain.append({"rename": edit.category, "name": edit.name})
        elif isinstance(edit, Merge):
            plain.append({"merge": list(edit.categories), "into": edit.into})
        else:
            plain.append({"split": edit.category, "parts": list(edit.parts)})
            arrays[f"split_{number}"] = edit.centers
    return plain, arrays


def from_json(plain: list[dict], arrays: dict[str, np.ndarray]) -> list[Edit]:
    """Return the edits that `to_json` wrote."""
    edits: list[Edit] = []
    for number, entry in enumerate(plain):
        if "rename" in entry:
            edits.append(Rename(entry["rename"], entry["name"]))
        elif "merge" in entry:
            edits.append(Merge(tuple(entry["merge"]), entry["into"]))
        else:
            edits.append(Cut(entry["split"], tuple(entry["parts"]), arrays[f"split_{number}"]))
    return edits
