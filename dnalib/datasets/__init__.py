"""Texts and images with coarse labels, and with fine labels for scoring only."""

from dnalib.datasets.benchmarks import load_clinc150, load_hwu64, load_wos, load_wos_test
from dnalib.datasets.core import CoarseDataset, Split
from dnalib.datasets.digits import load_digits
from dnalib.datasets.images import load_cifar10, load_mnist, load_omniglot
from dnalib.datasets.parts import hold_out, only, pooled, thin
from dnalib.datasets.pydocs import load_pydocs
from dnalib.datasets.reading import Table, read_table
from dnalib.datasets.tables import check_columns, from_table

__all__ = [
    "CoarseDataset",
    "Split",
    "Table",
    "check_columns",
    "from_table",
    "hold_out",
    "load",
    "names",
    "only",
    "pooled",
    "read_table",
    "thin",
]

_LOADERS = {
    "pydocs": load_pydocs,
    "clinc150": load_clinc150,
    "hwu64": load_hwu64,
    "wos": load_wos,
    "wos-test": load_wos_test,
    "digits": load_digits,
    "mnist": load_mnist,
    "omniglot": load_omniglot,
    "cifar10": load_cifar10,
}


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return tuple(_LOADERS)


def load(name: str) -> CoarseDataset:
    """Return a dataset by name.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    CoarseDataset

    Raises
    ------
    ValueError
        When the name is unknown, or a file has another digest than the published one.
    FileNotFoundError
        When a file is neither on this machine nor to be had from the network.
    """
    if name not in _LOADERS:
        raise ValueError(f"there is no dataset {name!r}, expected one of: {', '.join(_LOADERS)}")
    return _LOADERS[name]()
