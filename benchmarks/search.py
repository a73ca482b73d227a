"""Neighbors of a million vectors on two cores: cost, recall, memory, and how the cost grows.

Run ``python benchmarks/search.py --largest 1000000``.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from common import blended, extra_memory, parse, seconds, show, show_machine

from dnalib import search

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def measure(n: int, k: int, exact_up_to: int) -> dict[str, float]:
    """Return what exact and approximate search cost for n rows, and the recall."""
    features, _ = blended(n)
    found = None

    def approximate():
        nonlocal found
        found = search.approximate(features, k)

    wall, cpu = time.perf_counter(), time.process_time()
    memory = extra_memory(approximate)
    row = {
        "approximate: wall s": time.perf_counter() - wall,
        "CPU s": time.process_time() - cpu,
        "extra MB": memory,
        "lists MB": (found.indices.nbytes + found.similarities.nbytes) / 1e6,
        "recall on the sample": found.recall,
    }
    if n <= exact_up_to:
        exact = search.exact(features, k)
        row["true recall"] = share_found(found.indices, exact.indices)
        table = seconds({"exact": lambda: search.exact(features, k)}, repeats=1)
        row |= {"exact: CPU s": table.loc["exact", "CPU s"]}
    return row


def share_found(found: np.ndarray, true: np.ndarray) -> float:
    """Return the mean share of each true list that was found."""
    shares = [np.isin(t, f).mean() for f, t in zip(found, true, strict=True)]
    return float(np.mean(shares))


def main() -> None:
    """Print the table and the exponents."""
    options = parse(
        __doc__.splitlines()[0], smallest=10_000, largest=100_000, k=50, exact_up_to=30_000
    )
    sizes = (
        (2000, 4000)
        if options.quick
        else [n for n in SIZES if options.smallest <= n <= options.largest]
    )
    show_machine()
    rows = {}
    for n in sizes:
        rows[f"{n:,}"] = measure(n, options.k, options.exact_up_to)
        print(f"n = {n:,}: {rows[f'{n:,}']}", flush=True)
    table = pd.DataFrame(rows).T.rename_axis("n")
    show(f"Search: d = 384, k = {options.k}", table)
    if len(sizes) > 1:
        slope = np.polyfit(np.log(sizes), np.log(table["CPU s"]), 1)[0]
        print(f"\nCPU seconds of the approximate search grow as n to the {slope:.2f}.")
    print(f"\ndnalib searches exactly up to {search.EXACT_UP_TO:,} rows (always, on a GPU).")


if __name__ == "__main__":
    main()
