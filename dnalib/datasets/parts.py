"""Parts of a dataset: some of its fine categories, some of its rows, or both splits as one."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from dnalib.datasets.core import CoarseDataset, Split, stratified_split
from dnalib.whole import require_whole


def only(dataset: CoarseDataset, fine: Iterable[int]) -> CoarseDataset:
    """Return the dataset of some fine categories, numbered anew in their old order.

    Twice, it makes seen and unseen categories, or known and novel ones.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels.
    fine : iterable of int
        The fine ids that stay. Coarse labels that no row carries any more go.

    Raises
    ------
    ValueError
        When the dataset has no fine labels, or none of the ids, or ids that it does not have.

    Examples
    --------
    >>> from dnalib.datasets import load
    >>> digits = load("digits")
    >>> seen, unseen = only(digits, range(7)), only(digits, range(7, 10))
    >>> unseen.fine_names, unseen.n_fine
    (('7', '8', '9'), 3)
    """
    _check_has_fine(dataset)
    kept = sorted(set(fine))
    if not kept or not set(kept) <= set(range(dataset.n_fine)):
        raise ValueError(
            f"the fine ids are {kept}, expected some of 0 to {dataset.n_fine - 1}, the fine "
            f"categories of {dataset.name!r}"
        )
    splits = [
        _rows(s, np.flatnonzero(np.isin(s.fine, kept))) for s in (dataset.train, dataset.test)
    ]
    coarse = np.unique(np.concatenate([split.coarse for split in splits])).tolist()
    train, test = (
        replace(
            split,
            coarse=np.searchsorted(coarse, split.coarse),
            fine=np.searchsorted(kept, split.fine),
        )
        for split in splits
    )
    return _of_splits(
        dataset,
        train,
        test,
        coarse_names=tuple(dataset.coarse_names[i] for i in coarse),
        fine_names=tuple(dataset.fine_names[i] for i in kept),
    )


def hold_out(dataset: CoarseDataset, names: Iterable[str]) -> tuple[CoarseDataset, CoarseDataset]:
    """Divide a dataset into the categories that a model may see and those that are held out.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels.
    names : iterable of str
        What is held out: names of fine categories, or of coarse ones for all that is in them.

    Returns
    -------
    seen, unseen : CoarseDataset

    Raises
    ------
    ValueError
        When the dataset has no fine labels, there is no category of a name, or none is left to be
        seen.

    Examples
    --------
    >>> from dnalib.datasets import load
    >>> seen, unseen = hold_out(load("digits"), ["loop"])
    >>> seen.fine_names, unseen.fine_names
    (('1', '2', '3', '5', '7'), ('0', '4', '6', '8', '9'))
    """
    _check_has_fine(dataset)
    names = set(names)
    known = {*dataset.coarse_names, *dataset.fine_names}
    if not names <= known:
        raise ValueError(
            f"{min(names - known)!r} is no category of {dataset.name!r}: expected names of "
            f"fine or coarse categories, such as {min(known)!r}"
        )
    held = [
        fine
        for fine, parent in enumerate(dataset.parents)
        if names & {dataset.fine_names[fine], dataset.coarse_names[parent]}
    ]
    if not 0 < len(held) < dataset.n_fine:
        raise ValueError(
            f"{len(held)} of {dataset.n_fine} fine categories of {dataset.name!r} would be held "
            "out: expected at least one, and one left to be seen"
        )
    return only(dataset, set(range(dataset.n_fine)) - set(held)), only(dataset, held)


def thin(
    dataset: CoarseDataset, n_train: int, n_test: int | None = None, seed: int = 0
) -> CoarseDataset:
    """Return the dataset with about `n_train` training and `n_test` test rows.

    Rows are drawn within each fine category (coarse without fine ones), so that sizes keep their
    proportions; every category keeps at least one row. A split that is not larger stays whole.

    Parameters
    ----------
    dataset : CoarseDataset
    n_train : int
        Rows of train.
    n_test : int, optional
        Rows of test; by default all of them.
    seed : int, default 0
        Which rows are drawn.

    Raises
    ------
    ValueError
        When a number of rows is less than 1.
    """
    require_whole("n_train", n_train, 1)
    if n_test is not None:
        require_whole("n_test", n_test, 1)
    return _of_splits(
        dataset,
        _thin(dataset.train, n_train, seed),
        dataset.test if n_test is None else _thin(dataset.test, n_test, seed),
    )


def pooled(dataset: CoarseDataset) -> Split:
    """Return train and test as one split, train first."""
    train, test = dataset.train, dataset.test
    is_array = isinstance(train.inputs, np.ndarray)
    return Split(
        np.concatenate([train.inputs, test.inputs]) if is_array else train.inputs + test.inputs,
        np.concatenate([train.coarse, test.coarse]),
        None if train.fine is None else np.concatenate([train.fine, test.fine]),
        None if train.titles is None else train.titles + test.titles,
    )


def _check_has_fine(dataset: CoarseDataset) -> None:
    if dataset.fine_names is None:
        raise ValueError(
            f"{dataset.name!r} has no fine labels, expected some to tell its categories apart by: "
            "choose a dataset with fine labels, or name their column in `from_table`"
        )


def _of_splits(dataset: CoarseDataset, train: Split, test: Split, **changes) -> CoarseDataset:
    """Return the dataset with other splits, and their sizes where it says what sizes they have."""
    provenance = dataset.provenance
    if "sizes" in provenance:
        provenance = provenance | {"sizes": {"train": len(train), "test": len(test)}}
    return replace(dataset, train=train, test=test, provenance=provenance, **changes)


def _thin(split: Split, n: int, seed: int) -> Split:
    if n >= len(split):
        return split
    labels = split.coarse if split.fine is None else split.fine
    _, drawn = stratified_split(labels, n / len(split), seed)
    single = np.flatnonzero(~np.isin(labels, labels[drawn]))  # classes of one row are not divided
    return _rows(split, np.sort(np.concatenate([drawn, single])))


def _rows(split: Split, rows: np.ndarray) -> Split:
    def pick(values):
        if values is None or isinstance(values, np.ndarray):
            return values if values is None else values[rows]
        return [values[row] for row in rows]

    return Split(pick(split.inputs), pick(split.coarse), pick(split.fine), pick(split.titles))
