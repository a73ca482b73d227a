"""Runs the cells that the store does not hold yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from dnalib import datasets
from dnalib.benchmark.cells import SCORES, Cell, key_of, measure_cell
from dnalib.benchmark.store import ResultStore
from dnalib.methods import get_method, resolve_config


def run_grid(
    cells: Iterable[Cell],
    store: ResultStore,
    *,
    measure: Callable[[Cell, dict], dict] | None = None,
    **settings,
) -> None:
    """Run the cells that ``store`` does not hold yet, in order.

    Parameters
    ----------
    cells : iterable of Cell
    store : ResultStore
    measure : callable, optional
        Runs one cell with the given settings and returns its record; by default in a process of
        its own, so that its memory is its own and nothing is left of it.
    **settings
        Fields of `dnalib.training.TrainingConfig`, for all cells.
    """
    cells = list(cells)
    measure = measure or _measure_apart
    for number, cell in enumerate(cells, 1):
        dataset = datasets.load(cell.dataset)
        config = resolve_config(get_method(cell.method), dataset, settings)
        key = key_of(cell, config.to_dict())
        name = f"[{number}/{len(cells)}] {cell}"
        if key in store.keys():
            print(f"{name}: up to date", flush=True)
            continue
        print(f"{name}: running", flush=True)
        record = {"key": key, **measure(cell, settings)}
        store.append(record)
        scores = " ".join(f"{score} {record[score]:.1f}" for score in SCORES)
        print(f"{name}: {scores} in {record['seconds']:.0f} s", flush=True)


def _measure_apart(cell: Cell, settings: dict) -> dict:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure_cell, cell, settings).result()
