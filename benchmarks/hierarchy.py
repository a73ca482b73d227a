"""Metric learning with and without HIER, and the trees that come of it, on real sets.

``python benchmarks/hierarchy.py`` writes results/hierarchy.csv: a row a dataset, method and seed.
Rows that are there already are kept, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import pandas as pd

from dnalib.benchmark.tables import write_table
from dnalib.datasets import load
from dnalib.metric_learning import METRIC_METHODS, compare, with_embeddings

RESULTS = Path(__file__).parents[1] / "results" / "hierarchy.csv"
KEY = ["dataset", "method", "seed"]


def main() -> None:
    """Measure what is missing and write the table after each dataset, method and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--datasets", nargs="+", default=["pydocs", "hwu64", "clinc150", "omniglot"]
    )
    parser.add_argument("--methods", nargs="+", default=METRIC_METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    asked = parser.parse_args()
    table = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=KEY)
    done = set(table[KEY].itertuples(index=False, name=None))
    for name in asked.datasets:
        dataset = with_embeddings(load(name))
        for seed, method in product(asked.seeds, asked.methods):
            if (name, method, seed) in done:
                continue
            rows, _ = compare(dataset, [method], [seed])
            table = pd.concat([table, rows]).drop_duplicates(KEY)
            write_table(table.sort_values(KEY), RESULTS)
            print(rows.iloc[-1].to_string(), flush=True)


if __name__ == "__main__":
    main()
