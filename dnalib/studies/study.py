"""One study: a grid of dataset, method and seed whose rows are kept in one CSV as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd

from dnalib.files import lock_of, write_table

RESULTS = Path(__file__).resolve().parents[2] / "results"
KEY = ("dataset", "method", "seed")
Row = Mapping[str, object]


class Offered(dict):
    """What a study offers, by name; another name is refused in one sentence.

    Parameters
    ----------
    what : str
        Each of them, such as ``"dataset"``.
    entries : dict
    """

    def __init__(self, what: str, entries: Mapping):
        super().__init__(entries)
        self.what = what

    def __missing__(self, name: object) -> NoReturn:
        raise ValueError(
            f"this study has no {self.what} {name!r}: expected one of {', '.join(self)}"
        )


@dataclass(frozen=True)
class Study:
    """What is measured, on what, and how it is told apart.

    Attributes
    ----------
    file : str
        Its table in ``results/``.
    datasets, methods : tuple of str
        Names, in the order of the table.
    measure : callable
        ``(dataset, seed, methods) -> iterable of rows``: measures the named methods, one row each
        as soon as it is there. A row holds ``method`` and its scores. Rows of methods that were
        not asked for, such as common starts, are kept as well.
    stamp : callable, optional
        ``dataset -> row``: what else all rows of a dataset hold and must hold to count as measured,
        such as a digest of settings.
    main : tuple of str
        Scores to print of each row as it is measured.
    seeds : tuple of int, default (0, 1, 2)
        Those that the repository's table has.
    offers : callable, optional
        ``(dataset, method) -> bool``: whether there is such a row; by default there are all.
    """

    file: str
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    measure: Callable[[str, int, Sequence[str]], Iterable[Row]]
    stamp: Callable[[str], Row] = lambda dataset: {}
    main: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    offers: Callable[[str, str], bool] = lambda dataset, method: True

    @property
    def path(self) -> Path:
        """Where the table lies in a clone of the repository."""
        return RESULTS / self.file

    def read(self, path: Path | None = None) -> pd.DataFrame:
        """Return the rows measured so far; digests stay text."""
        path = path or self.path
        if not path.exists():
            return pd.DataFrame(columns=list(KEY))
        try:
            return pd.read_csv(path, dtype={"recipe": str})
        except ValueError as error:
            raise ValueError(f"{path} is no table ({error}): mend it or remove it") from None

    def run(
        self,
        datasets: Sequence[str],
        methods: Sequence[str],
        seeds: Sequence[int],
        path: Path | None = None,
    ) -> Iterator[dict]:
        """Measure what the table lacks; yield each row once it is on the disk.

        Parameters
        ----------
        datasets, methods : sequence of str
            Of `datasets` and `methods`.
        seeds : sequence of int
        path : path, optional
            The table; by default that of the repository. Several runs may share it.
        """
        path = path or self.path
        for dataset in datasets:
            for seed in seeds:
                stamp = {"dataset": dataset, "seed": seed, **self.stamp(dataset)}
                missing = [
                    m
                    for m in methods
                    if self.offers(dataset, m) and not self._holds(path, stamp | {"method": m})
                ]
                for row in self.measure(dataset, seed, missing) if missing else ():
                    row = stamp | dict(row)
                    self._keep(path, row)
                    yield row

    def _holds(self, path: Path, wanted: Row) -> bool:
        table = self.read(path)
        known = [name for name in wanted if name in table]
        found = (table[known] == pd.Series({n: wanted[n] for n in known})).all(axis=1)
        return len(known) == len(wanted) and bool(found.any())

    def _keep(self, path: Path, row: Row) -> None:
        """Put a row into the table, in place of the one that it measures anew."""
        with lock_of(path):
            known = self.read(path)
            table = pd.DataFrame([*known.to_dict("records"), row]).round(2)
            table = table.drop_duplicates(list(KEY), keep="last").sort_values(
                list(KEY), key=self._order, kind="stable"
            )
            write_table(table, path)

    def _order(self, column: pd.Series) -> pd.Series:
        """Sort datasets and methods as the study names them; what it does not name comes first."""
        names = {"dataset": self.datasets, "method": self.methods}.get(column.name)
        if names is None:
            return column
        return column.map({name: place for place, name in enumerate(names)}).fillna(-1)
