"""One cell in a process of its own, within limits of time and memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dnalib import environment
from dnalib.benchmark.cells import Cell
from dnalib.running.processes import Cut, Limits, ending, memory_kills, start_module, watch


class CellFailed(Exception):
    """A cell gave no result.

    Parameters
    ----------
    sentence : str
        Why.
    log : str
        All that its process printed.
    """

    def __init__(self, sentence: str, log: str = ""):
        super().__init__(sentence, log)
        self.sentence = sentence
        self.log = log

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Apart:
    """Runs cells, each in a process of its own: its memory is its own and nothing is left of it.

    Attributes
    ----------
    limits : Limits
        Of each cell.
    threads : int
        How many threads each cell's libraries may use.
    stop : callable
        Asked five times a second; True has the running cells killed.
    """

    limits: Limits = Limits()
    threads: int = field(default_factory=environment.cores)
    stop: Callable[[], bool] = lambda: False

    def __call__(self, cell: Cell, settings: dict) -> dict:
        """Return the record of a cell, as `measure_cell` does.

        Raises
        ------
        CellFailed
            When the process was killed or ended without a record.
        """
        with tempfile.TemporaryDirectory(prefix="dnalib-cell-") as name:
            folder = Path(name)
            (folder / "job.json").write_text(json.dumps([asdict(cell), settings]), "utf-8")
            kills = memory_kills()
            with open(folder / "log.txt", "wb") as log:
                child = start_module("dnalib.benchmark.child", name, self.threads, log)
            how = watch(child, self.limits, self.stop)
            if how == 0:
                return json.loads((folder / "record.json").read_text("utf-8"))
            log = (folder / "log.txt").read_text("utf-8", errors="replace")
            short = memory_kills() > kills
            raise CellFailed(self._sentence(how, folder, short), log)

    def _sentence(self, how: int | Cut, folder: Path, short_of_memory: bool) -> str:
        if how == Cut.STOPPED:
            return "interrupted"
        if how == Cut.TOO_LONG:
            return f"timed out: it ran longer than {self.limits.seconds:g} s"
        if how == Cut.TOO_LARGE:
            return f"out of memory: it held more than the limit of {self.limits.memory_gib:g} GiB"
        error = folder / "error.txt"
        if error.exists():
            return error.read_text("utf-8")
        return f"its process died by {ending(how, short_of_memory=short_of_memory)}"
