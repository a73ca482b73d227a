"""Runs the cells that the store does not hold yet."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from dnalib import datasets, environment
from dnalib.benchmark.cells import SCORES, Cell, key_of
from dnalib.benchmark.isolation import Apart, CellFailed
from dnalib.benchmark.progress import HEARTBEAT_SECONDS, Progress
from dnalib.benchmark.store import ResultStore
from dnalib.datasets import CoarseDataset
from dnalib.methods import get_method, resolve_config
from dnalib.running.arguments import say
from dnalib.training import TrainingConfig


@dataclass(frozen=True)
class Entry:
    """A cell with its resolved settings, and the key that tells its result from every other.

    Attributes
    ----------
    cell : Cell
    settings : dict
        What was asked for.
    config : TrainingConfig
        What came of it, the method's own settings included.
    """

    cell: Cell
    settings: dict
    config: TrainingConfig

    @property
    def key(self) -> str:
        return key_of(self.cell, self.config.to_dict())


def resolve(
    cells: Iterable[Cell], settings: dict, load: Callable[[str], CoarseDataset] | None = None
) -> list[Entry]:
    """Return each cell once, with its method's settings and `settings` over them.

    Parameters
    ----------
    cells : iterable of Cell
    settings : dict
        Fields of `dnalib.training.TrainingConfig`.
    load : callable, optional
        Loads a dataset by name; one that remembers, for several grids over the same datasets.

    Raises
    ------
    ValueError
        When a dataset, a method or a setting is unknown.
    FileNotFoundError
        When a dataset is not to be had.
    """
    load = load or functools.cache(datasets.load)
    return [
        Entry(cell, settings, resolve_config(get_method(cell.method), load(cell.dataset), settings))
        for cell in dict.fromkeys(cells)
    ]


def run_grid(
    cells: Iterable[Cell],
    store: ResultStore,
    *,
    measure: Callable[[Cell, dict], dict] | None = None,
    jobs: int = 1,
    stop: threading.Event | None = None,
    **settings,
) -> dict[Cell, CellFailed]:
    """Run the cells that ``store`` does not hold yet, in order, and keep every result at once.

    Parameters
    ----------
    cells : iterable of Cell
    store : ResultStore
        Others may write to it at the same time.
    measure : callable, optional
        Runs one cell with the given settings and returns its record, or raises `CellFailed`; by
        default `Apart`, in a process of its own.
    jobs : int, default 1
        How many cells run at a time; by default they share the cores.
    stop : threading.Event, optional
        Is set after an interrupt, for ``measure`` to end what it runs.
    **settings
        Fields of `dnalib.training.TrainingConfig`, for all cells.

    Returns
    -------
    dict
        Of the cells that gave no result, why; they run again the next time.

    Raises
    ------
    ValueError
        When a dataset, a method or a setting is unknown; nothing was run then.
    KeyboardInterrupt
        After Ctrl-C, once all processes are gone; what was finished is in the store.
    """
    stop = stop or threading.Event()
    measure = measure or Apart(threads=max(1, environment.cores() // jobs), stop=stop.is_set)
    return run_entries(resolve(cells, settings), store, measure=measure, jobs=jobs, stop=stop)


def run_entries(
    entries: list[Entry],
    store: ResultStore,
    *,
    measure: Callable[[Cell, dict], dict],
    jobs: int,
    stop: threading.Event,
) -> dict[Cell, CellFailed]:
    """Run what `resolve` returned, as `run_grid` does."""
    records = store.records()
    there = {record["key"] for record in records}
    todo = [entry for entry in entries if entry.key not in there]
    say(f"{len(entries) - len(todo)} of {len(entries)} cells are up to date")
    waiting = [(entry.cell, entry.config.epochs) for entry in todo]
    progress = Progress(len(entries), waiting, records, jobs)
    failures = {}

    def run(entry: Entry) -> None:
        if stop.is_set():
            return
        if entry.key in store.keys():  # another grid was faster
            progress.skip(entry.cell)
            return
        progress.start(entry.cell)
        try:
            record = {"key": entry.key, **measure(entry.cell, entry.settings)}
        except CellFailed as failure:
            failures[entry.cell] = failure
            progress.end(entry.cell, str(failure), done=False)
        else:
            store.append(record)
            progress.end(entry.cell, _scores(record), done=True)

    with ThreadPoolExecutor(jobs) as pool, _ending_with(stop):
        futures = {pool.submit(run, entry) for entry in todo}
        while futures:
            finished, futures = wait(futures, HEARTBEAT_SECONDS, "FIRST_COMPLETED")
            for future in finished:
                future.result()
            if not finished:
                progress.heartbeat()
    return failures


@contextmanager
def _ending_with(stop: threading.Event) -> Iterator[None]:
    """Have nothing more started, and what runs ended, after an interrupt or an error."""
    try:
        yield
    except BaseException:
        stop.set()
        raise


def _scores(record: dict) -> str:
    return " ".join(f"{score} {record[score]:.1f}" for score in SCORES)
