"""The grid of dataset, method, encoder and seed: runs what is missing, keeps every result.

Results are lines of JSON in one file that is only ever appended to, each keyed by its cell and its
settings. The code, the packages and the hardware that it was made with are recorded and are no
part of the key: a changed method is not run again. A grid that was killed goes on where it stopped.

From the ground up: `readings` clusters a run's features, `cells` is one run and its record,
`isolation` runs it in a `child` process within limits, `cluster` does so on the workers of a dask
cluster, `store` keeps the records and `labels` those of the test texts, `progress` tells how long
the rest will take, `grid` runs the cells that the store does not hold, `plan` reads a file that
names them, `paper` has the paper's settings, `summary` makes the table of means and `statistics`
tells differences from luck, `neighborhoods` measures the filters on untrained features, `tables`
shows both as README does, and `command` is what ``python -m dnalib benchmark`` calls.
"""

from dnalib.benchmark.cells import SCORES, Cell, hardware_of, key_of, measure_cell
from dnalib.benchmark.command import main
from dnalib.benchmark.grid import run_grid
from dnalib.benchmark.isolation import Apart, CellFailed
from dnalib.benchmark.neighborhoods import measure_neighbors
from dnalib.benchmark.store import ResultStore
from dnalib.benchmark.summary import main_runs, mean_costs, summarize
from dnalib.benchmark.tables import (
    neighbors_markdown,
    own_data_markdown,
    read_published,
    results_markdown,
)

__all__ = [
    "SCORES",
    "Apart",
    "Cell",
    "CellFailed",
    "ResultStore",
    "hardware_of",
    "key_of",
    "main",
    "main_runs",
    "mean_costs",
    "measure_cell",
    "measure_neighbors",
    "neighbors_markdown",
    "own_data_markdown",
    "read_published",
    "results_markdown",
    "run_grid",
    "summarize",
]
