"""The labels of test splits, kept beside the runs so that predictions can be read without data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnalib.datasets import CoarseDataset
from dnalib.files import atomic_path, lock_of


@dataclass(frozen=True)
class TestLabels:
    """Labels of one test split.

    Attributes
    ----------
    fine : ndarray (n,) int
        True category of each test text.
    fine_names, coarse_names : tuple of str
    parents : ndarray (n_fine,) int
        Coarse label of each category.
    """

    fine: np.ndarray
    fine_names: tuple[str, ...]
    coarse_names: tuple[str, ...]
    parents: np.ndarray


def write_labels(dataset: CoarseDataset, path: Path) -> None:
    """Put the labels of the dataset's test split into the file; those of others stay."""
    with lock_of(path):
        _write_labels(dataset, path)


def _write_labels(dataset: CoarseDataset, path: Path) -> None:
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept[dataset.name] = {
        "fine": dataset.test.fine.tolist(),
        "fine_names": list(dataset.fine_names),
        "coarse_names": list(dataset.coarse_names),
        "parents": dataset.parents.tolist(),
    }
    with atomic_path(path) as temporary:
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(kept[name])}" for name in sorted(kept))
        temporary.write_text(f"{{\n{lines}\n}}\n", "utf-8")


def read_labels(name: str, path: Path) -> TestLabels:
    """Return the labels of one dataset's test split.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file, or the dataset in it, is missing.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}: expected the labels that python -m dnalib benchmark writes"
        )
    kept = json.loads(path.read_text("utf-8"))
    if name not in kept:
        raise ValueError(f"{path} has no dataset {name!r}: expected one of {', '.join(kept)}")
    labels = kept[name]
    return TestLabels(
        np.array(labels["fine"]),
        tuple(labels["fine_names"]),
        tuple(labels["coarse_names"]),
        np.array(labels["parents"]),
    )
