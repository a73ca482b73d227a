"""The command line of ``python -m dnalib benchmark``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from dnalib import datasets
from dnalib.benchmark.cells import Cell
from dnalib.benchmark.grid import run_grid
from dnalib.benchmark.neighborhoods import measure_neighbors
from dnalib.benchmark.store import ResultStore
from dnalib.benchmark.summary import summarize
from dnalib.benchmark.tables import (
    neighbors_markdown,
    read_published,
    refresh,
    results_markdown,
    write_table,
)

RESULTS = Path("results")
DESCRIPTION = (
    "Run the grid of dataset, method and seed: what is missing is run, every result is kept in "
    "runs.jsonl, and the tables are made from it."
)


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib benchmark``; return the exit code."""
    asked = _parse(arguments)
    try:
        if asked.tables is None:
            _run(asked)
        else:
            refresh(asked.tables, _tables(asked.results))
    except (ValueError, FileNotFoundError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dnalib benchmark", description=DESCRIPTION)
    add = parser.add_argument
    add("--datasets", nargs="+", default=["pydocs"])
    add("--methods", nargs="+", default=["embeddings", "coarse-ce", "dna"])
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--encoder", default="minilm")
    add("--results", type=Path, default=RESULTS, help="folder of runs.jsonl")
    add(
        "--tables",
        type=Path,
        metavar="FILE",
        help="run nothing: put the tables of what is stored into this Markdown file",
    )
    return parser.parse_args(arguments)


def _run(asked: argparse.Namespace) -> None:
    cells = [
        Cell(dataset, method, seed, asked.encoder)
        for dataset, method, seed in product(asked.datasets, asked.methods, asked.seeds)
    ]
    run_grid(cells, ResultStore(asked.results / "runs.jsonl"))
    _update_neighbors(asked.datasets, asked.results / "neighbors.csv")
    print("", *_tables(asked.results).values(), sep="\n\n")


def _update_neighbors(names: Sequence[str], path: Path) -> None:
    """Measure the neighbors of the named datasets; what is known of others stays."""
    known = [pd.read_csv(path)] if path.exists() else []
    others = [table[~table["dataset"].isin(names)] for table in known]
    measured = [measure_neighbors(datasets.load(name)) for name in names]
    table = pd.concat([*others, *measured]).sort_values("dataset", kind="stable")
    write_table(table, path)


def _tables(results: Path) -> dict[str, str]:
    """Write ``table.csv`` anew from the stored runs; return both tables in Markdown."""
    table = summarize(ResultStore(results / "runs.jsonl").records())
    write_table(table, results / "table.csv")
    neighbors = pd.read_csv(results / "neighbors.csv")
    return {
        "results": results_markdown(table, read_published()),
        "neighbors": neighbors_markdown(neighbors),
    }
