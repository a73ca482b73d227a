"""Reads a plan: a TOML file that names every run of a project, for one command to run."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from dnalib.benchmark.cells import Cell

REQUIRED = {"datasets": str, "methods": str, "seeds": int}
LISTS = {**REQUIRED, "settings": dict}
SINGLE = {"folder": str, "max_length": int}
SHORT_LIST = 3


@dataclass(frozen=True)
class Planned:
    """Cells that share their settings and the store that keeps them.

    Attributes
    ----------
    cells : list of Cell
    settings : dict
        Fields of `dnalib.training.TrainingConfig`, over each method's own.
    folder : str, default "."
        Of ``runs.jsonl``, below that of the results.
    """

    cells: list[Cell]
    settings: dict
    folder: str = "."

    @property
    def changes(self) -> str:
        """The settings as a name has them behind it: empty, or `` k=35 m=1``."""
        return "".join(f" {name}={value}" for name, value in self.settings.items())

    def __str__(self) -> str:
        datasets = dict.fromkeys(cell.dataset for cell in self.cells)
        methods = dict.fromkeys(cell.method for cell in self.cells)
        named = ", ".join(methods) if len(methods) <= SHORT_LIST else f"{len(methods)} methods"
        return f"{named} on {', '.join(datasets)}{self.changes}"


def read_plan(path: Path) -> list[Planned]:
    """Return the cells that a plan asks for, those with the same settings and store together.

    Parameters
    ----------
    path : pathlib.Path
        A TOML file of ``[[grid]]`` tables. Each has lists of ``datasets``, ``methods`` and
        ``seeds``; where wanted, ``settings``, a list of tables, each of which is a run of its own;
        ``folder``, below that of the results, in which they are kept; and ``max_length``, the
        word pieces that are read of each text.

    Raises
    ------
    ValueError
        When the file is not such a plan.
    FileNotFoundError
        When there is no such file.
    """
    groups: dict[str, Planned] = {}
    for grid in _grids(path):
        for settings in grid.get("settings", [{}]):
            planned = Planned([], settings, grid.get("folder", "."))
            key = json.dumps([planned.folder, settings], sort_keys=True)
            groups.setdefault(key, planned).cells.extend(_cells(grid))
    return list(groups.values())


def _grids(path: Path) -> list[dict]:
    try:
        grids = tomllib.loads(path.read_text("utf-8")).get("grid")
    except OSError as error:
        raise FileNotFoundError(
            f"the plan {path} cannot be read ({error.strerror}): give the path of a TOML file"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}; mend it") from None
    if not grids or not isinstance(grids, list) or not all(isinstance(g, dict) for g in grids):
        raise ValueError(f"{path} has no [[grid]]: add one with datasets, methods and seeds")
    for number, grid in enumerate(grids, 1):
        _check(grid, f"grid {number} of {path}")
    return grids


def _cells(grid: dict) -> Iterator[Cell]:
    shape = {"max_length": grid["max_length"]} if "max_length" in grid else {}
    for dataset, method, seed in product(grid["datasets"], grid["methods"], grid["seeds"]):
        yield Cell(dataset, method, seed, **shape)


def _check(grid: dict, where: str) -> None:
    """Refuse a table with a field too many, too few or of another kind."""
    if not set(REQUIRED) <= set(grid) <= {*LISTS, *SINGLE}:
        raise ValueError(
            f"{where} has the fields {', '.join(grid)}: expected {', '.join(REQUIRED)} and, where "
            "wanted, settings, folder, max_length"
        )
    for name, kind in LISTS.items():
        value = grid.get(name, [{}])
        if not isinstance(value, list) or any(type(entry) is not kind for entry in value):
            raise ValueError(f"{name} of {where} is {value!r}: expected a list of {kind.__name__}")
        if not value:
            raise ValueError(f"{name} of {where} is empty: expected at least one; or leave it out")
    if min(grid["seeds"]) < 0:
        raise ValueError(f"seeds of {where} hold {min(grid['seeds'])}: expected 0 or more")
    for name, kind in SINGLE.items():
        if name in grid and type(grid[name]) is not kind:
            raise ValueError(f"{name} of {where} is {grid[name]!r}: expected {kind.__name__}")
    if grid.get("max_length", 1) < 1:
        raise ValueError(f"max_length of {where} is {grid['max_length']}: expected 1 or more")
    folder = Path(grid.get("folder", "."))
    if folder.is_absolute() or ".." in folder.parts:
        raise ValueError(f"folder of {where} is {str(folder)!r}: expected one below the results")
