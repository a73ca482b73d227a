"""The command line of ``python -m dnalib benchmark``."""

from __future__ import annotations

import argparse
import functools
import math
import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pandas as pd

from dnalib import datasets, environment
from dnalib.benchmark.cells import Cell
from dnalib.benchmark.cluster import OnCluster
from dnalib.benchmark.grid import Entry, resolve, run_entries
from dnalib.benchmark.isolation import Apart, CellFailed
from dnalib.benchmark.labels import write_labels
from dnalib.benchmark.neighborhoods import measure_neighbors
from dnalib.benchmark.paper import ENCODER as PAPER_ENCODER
from dnalib.benchmark.paper import LAYERS as PAPER_LAYERS
from dnalib.benchmark.paper import paper_setting
from dnalib.benchmark.plan import Planned, read_plan
from dnalib.benchmark.store import ResultStore
from dnalib.benchmark.summary import summarize
from dnalib.benchmark.tables import (
    neighbors_markdown,
    own_data_markdown,
    read_published,
    refresh,
    results_markdown,
)
from dnalib.files import atomic_path, lock_of, write_table
from dnalib.methods import get_method
from dnalib.running.arguments import (
    FAILED,
    Parser,
    add_running_options,
    assignments,
    complain,
    count,
    exit_code_of_measuring,
    positive,
    say,
    seed_number,
)
from dnalib.running.cluster import Cluster
from dnalib.running.processes import Limits

RESULTS = Path("results")
DEFAULT_ENCODER = "minilm"
USAGE = "python -m dnalib benchmark [options]"
PROGRAM = "benchmark"
WHAT_IS_RUN = ("datasets", "methods", "seeds", "encoder", "paper", "epochs", "settings")
DESCRIPTION = (
    "Run the grid of dataset, method and seed: what is missing is run, every result is kept in "
    "runs.jsonl, and the tables are made from it."
)


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib benchmark``.

    Returns
    -------
    int
        0 when every cell has its result, 1 when some gave none or the tables could not be made, 2
        when the command line was refused and nothing was run, 8 when a file could not be written,
        130 after Ctrl-C and 143 after SIGTERM.
    """
    asked = _parse(arguments)
    return exit_code_of_measuring(PROGRAM, lambda: _refresh(asked) if asked.tables else _run(asked))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=PROGRAM, usage=USAGE, description=DESCRIPTION)
    add = parser.add_argument
    add("--datasets", nargs="+", default=["pydocs"])
    add("--methods", nargs="+", default=["embeddings", "coarse-ce", "dna"])
    add("--seeds", nargs="+", type=seed_number, default=[0, 1, 2])
    add("--encoder", help="default: minilm, with --paper bert-base-uncased")
    add(
        "--paper",
        action="store_true",
        help="the paper's settings: all layers, 30 epochs, k and lengths by dataset, but a "
        "method's own temperature, momentum and view; for a GPU",
    )
    add("--epochs", type=count, metavar="N", help="in place of each method's own")
    add(
        "-s",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set a field of TrainingConfig for all cells; may be given several times",
    )
    add(
        "--plan",
        type=Path,
        metavar="FILE",
        help="run what a TOML file asks for, such as results/plan.toml, in place of the above",
    )
    add("--results", type=Path, default=RESULTS, help="folder of runs.jsonl")
    add_running_options(add, "cells")
    add("--time-limit", type=positive, metavar="S", help="kill a cell after S seconds")
    add(
        "--tables",
        type=Path,
        metavar="FILE",
        help="run nothing: put the tables of what is stored into this Markdown file",
    )
    asked = parser.parse_args(arguments)
    parser.check_executor(asked)
    twice = [name for name in WHAT_IS_RUN if getattr(asked, name) != parser.get_default(name)]
    if asked.plan and twice:
        parser.error(f"--plan says what is run; leave out {', '.join(twice)}")
    return asked


def _refresh(asked: argparse.Namespace) -> int:
    refresh(asked.tables, _tables(asked.results))
    return 0


def _run(asked: argparse.Namespace) -> int:
    # A mistake in the last of them, or a damaged store, is told before the first is run.
    grids = read_plan(asked.plan) if asked.plan else _grids(asked)
    resolved = _resolve(grids)
    stores = [ResultStore(asked.results / grid.folder / "runs.jsonl") for grid in grids]
    for store in stores:
        store.records()
    stop = threading.Event()
    failures = {}
    with ExitStack() as stack:
        measure, jobs = _executor(asked, stop, stack)
        try:
            planned = zip(grids, resolved, stores, strict=True)
            for number, (grid, entries, store) in enumerate(planned, 1):
                if len(grids) > 1:
                    say(f"grid {number} of {len(grids)}: {grid}")
                failed = run_entries(entries, store, measure=measure, jobs=jobs, stop=stop)
                failures |= {f"{cell}{grid.changes}": failure for cell, failure in failed.items()}
        except ValueError as error:  # a store that was damaged meanwhile; cells have been run
            return complain(PROGRAM, f"stopped early: {error}", FAILED)
        finally:
            code = _report(failures, asked.results)
    try:
        _show(grids, asked.results)
    except (ValueError, FileNotFoundError) as error:  # no refusal: cells have been run
        problem = f"the runs are stored, their tables could not be made: {error}"
        return complain(PROGRAM, problem, FAILED)
    return code


def _show(grids: list[Planned], results: Path) -> None:
    """Bring all that is made of the runs up to date, and print the tables."""
    if not ResultStore(results / "runs.jsonl").records():
        return
    lengths = _lengths(cell for grid in grids for cell in grid.cells)
    _update_neighbors(lengths, results / "neighbors.csv")
    for name in lengths:
        write_labels(datasets.load(name), results / "labels.json")
    say("\n\n".join(["", *_tables(results).values()]))


def _grids(asked: argparse.Namespace) -> list[Planned]:
    """Return what the options ask for; the paper's settings differ by dataset and by method."""
    settings = assignments(asked.settings, "-s")
    if asked.epochs:
        settings["epochs"] = asked.epochs
    if not asked.paper:
        cells = product(asked.datasets, asked.methods, asked.seeds)
        encoder = asked.encoder or DEFAULT_ENCODER
        return [Planned([Cell(*named, encoder) for named in cells], settings)]
    grids = []
    for dataset, method in product(asked.datasets, asked.methods):
        paper = paper_setting(dataset)
        shape = (asked.encoder or PAPER_ENCODER, PAPER_LAYERS, paper.max_length)
        cells = [Cell(dataset, method, seed, *shape) for seed in asked.seeds]
        grids.append(Planned(cells, paper.settings(get_method(method)) | settings))
    return grids


def _resolve(grids: list[Planned]) -> list[list[Entry]]:
    """Return the cells of each grid with their settings; every dataset is loaded once."""
    load = functools.cache(datasets.load)
    return [resolve(grid.cells, grid.settings, load) for grid in grids]


def _executor(
    asked: argparse.Namespace, stop: threading.Event, stack: ExitStack
) -> tuple[Apart | OnCluster, int]:
    """Return what measures the cells, and how many at a time."""
    limits = Limits(asked.time_limit or math.inf, asked.memory_limit or math.inf)
    if asked.scheduler is None:
        jobs = asked.jobs or 1
        return Apart(limits, max(1, environment.cores() // jobs), stop.is_set), jobs
    cluster = stack.enter_context(Cluster(asked.scheduler))
    return OnCluster(cluster, limits, stop.is_set), asked.jobs or cluster.slots


def _report(failures: dict[str, CellFailed], results: Path) -> int:
    """Say which cells gave no result, and keep what their processes printed."""
    for cell, failure in failures.items():
        log = results / "failed" / f"{re.sub('[^0-9A-Za-z.-]+', '-', cell)}.log"
        if failure.log:
            with atomic_path(log) as path:
                path.write_text(failure.log, "utf-8")
        where = f" (all it printed: {log})" if failure.log else ""
        complain(PROGRAM, f"{cell}: {failure.sentence}{where}", FAILED)
    return FAILED if failures else 0


def _lengths(cells: Iterable[Cell]) -> dict[str, int]:
    """Return each dataset with the word pieces that the default encoder is to read of a text."""
    return {
        cell.dataset: cell.max_length if cell.encoder == DEFAULT_ENCODER else Cell.max_length
        for cell in cells
    }


def _update_neighbors(lengths: dict[str, int], path: Path) -> None:
    """Measure the neighbors of the named datasets; what is known of others stays.

    The table is locked while it is written, and not while the neighbors are measured.
    """
    loaded = [datasets.load(name) for name in lengths]
    measured = [
        measure_neighbors(dataset, max_length=length)
        for dataset, length in zip(loaded, lengths.values(), strict=True)
        if dataset.kind == "text"
    ]
    with lock_of(path):
        known = [pd.read_csv(path)] if path.exists() else []
        others = [table[~table["dataset"].isin(list(lengths))] for table in known]
        if others or measured:
            table = pd.concat([*others, *measured]).sort_values("dataset", kind="stable")
            write_table(table, path)


def _tables(results: Path) -> dict[str, str]:
    """Write ``table.csv`` anew from the stored runs; return the tables in Markdown."""
    records = ResultStore(results / "runs.jsonl").records()
    if not records:
        raise ValueError(f"{results / 'runs.jsonl'} holds no results: run the grid first")
    table = summarize(records)
    write_table(table, results / "table.csv")
    tables = {"results": results_markdown(table, read_published())}
    if (results / "neighbors.csv").exists():
        neighbors = pd.read_csv(results / "neighbors.csv")
        tables["neighbors"] = neighbors_markdown(neighbors)
    if (results / "own_data.csv").exists():
        tables["own data"] = own_data_markdown(pd.read_csv(results / "own_data.csv"))
    return tables
