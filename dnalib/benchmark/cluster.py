"""Cells on the workers of a dask.distributed cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dnalib import environment
from dnalib.benchmark.cells import Cell
from dnalib.benchmark.isolation import Apart, CellFailed
from dnalib.running.cluster import Cluster, Lost, Stopped, this_worker
from dnalib.running.processes import Limits


@dataclass(frozen=True)
class OnCluster:
    """Has the workers of a cluster run cells, each in a process of its own there.

    A worker that is killed takes its cell with it, and another worker runs it again; the store is
    written here alone, so nothing is lost and nothing is there twice. A worker whose dnalib is not
    the one here is refused.

    Attributes
    ----------
    cluster : Cluster
    limits : Limits
        Of each cell.
    stop : callable
        Asked five times a second; True has the running cells killed.
    """

    cluster: Cluster
    limits: Limits = Limits()
    stop: Callable[[], bool] = lambda: False

    def __call__(self, cell: Cell, settings: dict) -> dict:
        """Return the record of a cell, as `measure_cell` does.

        Raises
        ------
        CellFailed
            When the cell gave none, or the cluster cannot say what became of it.
        """
        library = environment.library_digest()
        try:
            record = self.cluster.call(
                _measure_there, cell, settings, self.limits, library, stop=self.stop
            )
        except Stopped:
            raise CellFailed("interrupted") from None
        except Lost as error:
            raise CellFailed(f"the cluster has no result of it, {error}") from None
        if isinstance(record, CellFailed):
            raise record
        return record


def _measure_there(
    cell: Cell, settings: dict, limits: Limits, library: str, *, stop: Callable[[], bool], say
) -> dict | CellFailed:
    """Measure a cell on a worker; a failure is returned, so that it comes back as it is."""
    address, slots = this_worker()
    if environment.library_digest() != library:
        return CellFailed(f"worker {address} has another dnalib; install the same code there")
    try:
        return Apart(limits, max(1, environment.cores() // slots), stop)(cell, settings)
    except CellFailed as failure:
        return failure
