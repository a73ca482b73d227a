"""How many categories each coarse class gets: as many as asked for, estimated where not said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dnalib.clustering import NumberEstimate, estimate_n_clusters, share_out
from dnalib.datasets.cells import plain_label
from dnalib.discovery.texts import Rows, some_of
from dnalib.progress import progress_bar
from dnalib.whole import is_whole

Wanted = int | dict[int, int]
"""Categories in all, or of each coarse class for which a number was given."""


def wanted_numbers(n_fine: object, rows: Rows, chosen: np.ndarray) -> Wanted:
    """Return what the setting ``n_fine`` asks for, never more than there are texts to learn from.

    Parameters
    ----------
    n_fine : int, mapping or "auto"
    rows : Rows
    chosen : ndarray (m,) int64
        The distinct rows to learn from, some of each class.

    Raises
    ------
    ValueError
        If it is neither a number, nor a mapping from coarse label to number, nor "auto"; if it is
        smaller than the number of classes, or names a label that is not there.
    """
    sizes = np.bincount(rows.coarse[chosen], minlength=len(rows.parents))
    if isinstance(n_fine, str) and n_fine == "auto":
        return {}
    if is_whole(n_fine):
        if n_fine < len(sizes):
            raise ValueError(
                f"n_fine is {n_fine} but there are {len(sizes)} coarse classes, expected at least "
                "one category for each"
            )
        return int(min(n_fine, sizes.sum()))
    if isinstance(n_fine, Mapping):
        return _by_label(n_fine, rows.parents, sizes)
    raise ValueError(
        f"n_fine is {n_fine!r}, expected a number, a mapping from coarse label to number, or 'auto'"
    )


def asked_and_found(n_fine: object, found: Mapping[str, int]) -> tuple[int, int]:
    """Return how many categories a valid ``n_fine`` asks for, and how many of those there are.

    Parameters
    ----------
    n_fine : int, mapping or "auto"
        A mapping asks for nothing in the classes that it leaves out, "auto" for nothing at all.
    found : mapping of str to int
        The number of each coarse label.
    """
    if isinstance(n_fine, str):
        return 0, 0
    if isinstance(n_fine, Mapping):
        asked = _by_plain_label(n_fine)
        return sum(asked.values()), sum(found[label] for label in asked)
    return int(n_fine), sum(found.values())


def as_asked(n_fine: object, found: Mapping[str, int]) -> dict[str, bool]:
    """Return whether each coarse label has the number of categories that ``n_fine`` asks for.

    A number in all is shared out among the labels: either all of them have theirs or none has.
    """
    if isinstance(n_fine, Mapping):
        asked = _by_plain_label(n_fine)
        return {label: number == asked.get(label) for label, number in found.items()}
    return dict.fromkeys(found, n_fine == sum(found.values()))


def count_categories(
    features: np.ndarray,
    coarse: np.ndarray,
    wanted: Wanted,
    *,
    rule: str,
    seed: int,
    progress: bool = False,
) -> dict[int, NumberEstimate]:
    """Return the number of categories of each coarse class, with an interval where estimated.

    No class gets more than it has distinct features: one that an encoder cannot tell apart, because
    it reads the beginning only or knows none of the words, cannot be divided.

    Parameters
    ----------
    features : ndarray (n, d)
    coarse : ndarray (n,) int64
    wanted : int or dict
        As `wanted_numbers` returns it.
    rule, seed
        As in `dnalib.clustering.estimate_n_clusters`.
    progress : bool, default False
    """
    classes, sizes = np.unique(coarse, return_counts=True)
    if isinstance(wanted, int):
        wanted = share_out(wanted, dict(zip(classes.tolist(), sizes.tolist(), strict=True)))
    numbers = {}
    with progress_bar(len(classes), "counting", "coarse label", show=progress) as bar:
        for parent in classes.tolist():
            inside = features[coarse == parent]
            number = (
                NumberEstimate(wanted[parent], wanted[parent], wanted[parent])
                if parent in wanted
                else estimate_n_clusters(inside, rule=rule, seed=seed)
            )
            numbers[parent] = number.at_most(len(np.unique(inside, axis=0)))
            bar.update()
    return numbers


def _by_plain_label(n_fine: Mapping) -> dict[str, int]:
    return {plain_label(label): number for label, number in n_fine.items()}


def _by_label(n_fine: Mapping, parents: tuple[str, ...], sizes: np.ndarray) -> dict[int, int]:
    numbers = {}
    for label, number in n_fine.items():
        if plain_label(label) not in parents:
            raise ValueError(
                f"n_fine names the coarse label {label!r}, expected some of: {some_of(parents)}"
            )
        if not is_whole(number) or number < 1:
            raise ValueError(
                f"n_fine asks for {number!r} categories of {label!r}, expected a number from 1 up"
            )
        position = parents.index(plain_label(label))
        numbers[position] = int(min(number, sizes[position]))
    return numbers
