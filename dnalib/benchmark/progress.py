"""What a person is told while the grid runs: every start and end, and the time that is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from dnalib import environment
from dnalib.benchmark.cells import Cell, hardware_of
from dnalib.progress import duration
from dnalib.running.arguments import say

HEARTBEAT_SECONDS = 60


class Progress:
    """Lines that also read well in a log, with an estimate of the time that is left.

    A cell is expected to take, for each of its epochs, what the last one of its dataset, method
    and encoder took: in this run, or else in the store if it was made on hardware of this
    machine's kind.

    Parameters
    ----------
    total : int
        How many cells there are, those up to date included.
    waiting : iterable of (Cell, int)
        Those to be run, with their epochs.
    records : iterable of dict
        Lines of a `ResultStore`, oldest first.
    jobs : int
        How many run at a time.
    """

    def __init__(
        self,
        total: int,
        waiting: Iterable[tuple[Cell, int]],
        records: Iterable[dict],
        jobs: int,
    ):
        self._total = total
        self._epochs = dict(waiting)
        self._waiting = set(self._epochs)
        self._rates = {}
        self._started = {}
        self._jobs = jobs
        self._place = total - len(self._waiting)
        self._names = {}
        self._lock = threading.RLock()
        hardware = environment.computes_on()
        for record in records:
            if hardware_of(record) != hardware:
                continue
            kind = (record["dataset"], record["method"], record["encoder"])
            self._rates[kind] = record["seconds"] / record["config"]["epochs"]

    def start(self, cell: Cell) -> None:
        """Say that a cell starts."""
        with self._lock:
            self._place += 1
            self._names[cell] = f"[{self._place}/{self._total}] {cell}"
            self._waiting.discard(cell)
            self._started[cell] = time.monotonic()
            say(f"{self._names[cell]}: started at {time.strftime('%X')}")

    def end(self, cell: Cell, outcome: str, *, done: bool) -> None:
        """Say how a cell ended; one that is done tells how long its like will take."""
        with self._lock:
            seconds = time.monotonic() - self._started.pop(cell)
            if done:
                self._rates[_kind(cell)] = seconds / self._epochs[cell]
            say(f"{self._names[cell]}: {outcome} in {seconds:.0f} s; {self.left()}")

    def heartbeat(self) -> None:
        """Say which cells are running, and for how long."""
        with self._lock:
            now = time.monotonic()
            running = [f"{cell} for {now - since:.0f} s" for cell, since in self._started.items()]
            say(f"running: {', '.join(running) or 'nothing'}; {self.left()}")

    def left(self) -> str:
        """Return how many cells are left, and about how long they will take."""
        with self._lock:
            now = time.monotonic()
            cells = [*self._waiting, *self._started]
            left = [
                self._rates[_kind(cell)] * self._epochs[cell] - (now - self._started.get(cell, now))
                for cell in cells
                if _kind(cell) in self._rates
            ]
        if not cells:
            return "none left"
        if not left:
            return f"{len(cells)} left"
        foreseen = len(left) == len(cells) and min(left) >= 0
        seconds = sum(max(0.0, each) for each in left) / min(self._jobs, len(cells))
        return f"{len(cells)} left, {'about' if foreseen else 'at least'} {duration(seconds)}"

    def skip(self, cell: Cell) -> None:
        """Count a cell that another grid has run in the meantime."""
        with self._lock:
            self._place += 1
            self._waiting.discard(cell)


def _kind(cell: Cell) -> tuple[str, str, str]:
    return cell.dataset, cell.method, cell.encoder
