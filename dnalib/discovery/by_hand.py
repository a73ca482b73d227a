"""Renaming, merging and splitting the categories of a model by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self

import numpy as np

from dnalib.clustering import kmeans
from dnalib.datasets.cells import plain_label
from dnalib.discovery.edits import Cut, Edit, Merge, Rename, replay
from dnalib.whole import is_whole


class EditedByHand:
    """What a person changes in a fitted `FineCategoryDiscovery`; it remembers every change."""

    def rename(self, category: int, name: str) -> Self:
        """Give a category another name; the model remembers it."""
        self._check_categories([category])
        name = _checked(name)
        self.edits_.append(Rename(int(category), name))
        self.names_[int(category)] = name
        return self

    def rename_all(self, namer: Callable[[Mapping], str], n_texts: int = 8) -> Self:
        """Have every category named by a function, such as one that asks a language model.

        Parameters
        ----------
        namer : callable
            Takes a mapping with ``parent``, ``words`` (the present name), ``texts`` (the most
            central ones) and ``siblings`` (names of the others in the class); returns the name.
            Nothing leaves this machine unless the function sends it.
        n_texts : int, default 8
            Texts given.
        """
        rows = self._needs_rows("the texts to name categories by")
        frame = self.categories()
        for category, entry in frame.iterrows():
            inside = frame[frame["parent"] == entry["parent"]]
            central = self.central(category, n_texts)
            description = {
                "parent": entry["parent"],
                "words": entry["name"],
                "texts": [rows.texts[row] for row in central],
                "siblings": inside["name"].drop(category).tolist(),
            }
            self.rename(category, namer(description))
        return self

    def merge(self, categories: Iterable[int], name: str | None = None) -> int:
        """Make one category of several of the same coarse class; return its id, a new one.

        Parameters
        ----------
        categories : iterable of int
            At least two.
        name : str, optional
            By default made from the texts, or from the old names where the texts are not at hand.
        """
        categories = list(dict.fromkeys(categories))
        self._check_categories(categories)
        categories = [int(category) for category in categories]
        parents = {self._sorter.parent_of()[c] for c in categories}
        if len(categories) < 2 or len(parents) > 1:
            raise ValueError(
                f"categories {categories} cannot be merged, expected two or more of the same "
                "coarse class: each category belongs to one"
            )
        name = None if name is None else _checked(name)  # before anything is changed
        into = self._sorter.next_id()
        old = " / ".join(self.names_.pop(c) for c in categories)
        self._apply(Merge(tuple(categories), into))
        self.names_[into] = old
        if name is not None:
            self.rename(into, name)
        elif self._rows is not None:
            self._name([into])
        return into

    def split(self, category: int, parts: int = 2) -> list[int]:
        """Cut a category into parts by k-means on its texts; return their ids, new ones.

        Raises
        ------
        ValueError
            If there is no such category, it has fewer distinct texts than parts, or the model was
            loaded from disk: a saved model keeps no texts, so split before you save.
        """
        rows = self._needs_rows("the texts to split")
        self._check_categories([category])
        features = np.unique(rows.features[self.labels_ == category], axis=0)
        if not is_whole(parts) or not 2 <= parts <= len(features):
            raise ValueError(
                f"category {category} cannot be split into {parts!r} parts: expected 2 to "
                f"{len(features)}, the number of its distinct texts"
            )
        found = kmeans(features, parts, n_init=self.n_init, seed=self.seed)
        first = self._sorter.next_id()
        ids = list(range(first, first + parts))
        del self.names_[int(category)]
        self._apply(Cut(int(category), tuple(ids), found.centers.astype(np.float32)))
        self._name(ids)
        return ids

    # --- parts of the above ---

    def _check_categories(self, categories: Iterable[int]) -> None:
        self._check_fitted()
        existing = self._sorter.ids()
        for category in categories:
            if category not in existing:
                raise ValueError(f"there is no category {category!r}, expected one of {existing}")

    def _apply(self, edit: Edit) -> None:
        """Remember an edit that moves texts, and move them."""
        self.edits_.append(edit)
        if self._rows is not None:
            self.labels_ = self._sorter.labels(self._rows.leaves, self._rows.features)
        else:
            self.labels_ = replay([edit], self.labels_, np.empty((len(self.labels_), 0)))
        self._count()


def _checked(name: str) -> str:
    """Return a name as a label, or raise a ValueError where there is nothing in it."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name is {name!r}, expected a text that is not empty: give another")
    return plain_label(name)
