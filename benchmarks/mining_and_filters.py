"""The three filters cost at most a tenth of the exact search, and give what the released code does.

Run ``python benchmarks/mining_and_filters.py``.

The baseline is the released code's algorithm, written anew: a Python loop over every pair of a
query and a neighbor, with tensor operations for each. It runs on some rows and is scaled up.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from common import array_memory, blended, parse, seconds, show, show_machine

from dnalib import neighbors
from dnalib.neighbors import NeighborGraph, build_graph, released_positives, retrieve

M = 5


def released_mining(lists: torch.Tensor, coarse: torch.Tensor, tops: torch.Tensor, rows: int):
    """Return the ``(rows, k + 1)`` lists of the first rows, with -1 for every filtered neighbor."""
    kept = lists[:rows].clone()
    for i in range(rows):
        for place, j in enumerate(lists[i]):
            same_label = coarse[i] == coarse[j]
            reciprocal = (lists[j] == i).any()
            same_rank = torch.equal(tops[i], tops[j])
            if not (same_label and reciprocal and same_rank):
                kept[i, place] = -1
    return kept


def released_mask(kept: torch.Tensor, n: int) -> torch.Tensor:
    """Return the released code's positives of a batch of the first rows, as a mask ``(b, n)``."""
    mask = torch.zeros(len(kept), n)
    for row, neighborhood in enumerate(kept):
        for j in neighborhood:
            mask[row][j] = 1
        mask[row][row] = 0
    return mask


def as_mask(positives: np.ndarray, n: int) -> torch.Tensor:
    """Return dnalib's -1-padded positives as such a mask."""
    mask = torch.zeros(len(positives), n)
    for row, chosen in enumerate(positives):
        mask[row, chosen[chosen >= 0]] = 1
    return mask


def baseline(features: np.ndarray, coarse: np.ndarray, indices: np.ndarray):
    """Return the released code's inputs: lists with the query first, labels, sorted top-m."""
    own = np.arange(len(indices))[:, None]
    tops = torch.from_numpy(features).topk(M).indices.sort(dim=1).values
    return torch.from_numpy(np.hstack([own, indices])), torch.from_numpy(coarse), tops


def main() -> None:
    """Print the tables."""
    options = parse(__doc__.splitlines()[0], n=18_000, k=120, loop_rows=200)
    n, k, rows = (1500, 30, 40) if options.quick else (options.n, options.k, options.loop_rows)
    features, coarse = blended(n)
    indices, similarities = retrieve(features, k)
    released = baseline(features, coarse, indices)
    filters = {
        "label filter": lambda: neighbors.label_filter(indices, coarse),
        "reciprocal filter": lambda: neighbors.reciprocal_filter(indices),
        "rank filter": lambda: neighbors.rank_filter(indices, features, M),
    }
    table = seconds(
        {
            "bare matrix product": lambda: [block @ features.T for block in blocks(features)],
            "exact search": lambda: retrieve(features, k),
            **filters,
            "released loop": lambda: released_mining(*released, rows),
        },
        repeats=3,
    )
    table.loc["released loop"] *= n / rows
    table.loc["all three filters"] = table.loc[list(filters)].sum()
    table["of the search"] = table["CPU s"] / table.loc["exact search", "CPU s"]
    lists = (indices.nbytes + similarities.nbytes) / 1e6
    table["memory / lists"] = pd.Series(
        {name: array_memory(function) / lists for name, function in filters.items()}
    )
    show_machine()
    show(f"Mining: n = {n:,}, d = {features.shape[1]}, k = {k}", table)
    report_identity(features, coarse, released, k, rows)


def blocks(features: np.ndarray, rows: int = 1024) -> list[np.ndarray]:
    """Cut features into blocks of queries."""
    return np.array_split(features, -(-len(features) // rows))


def report_identity(features, coarse, released, k, rows) -> None:
    """Say whether filtered lists and positives equal the released algorithm's."""
    graph = build_graph(features, coarse, k, m=M)
    kept = released_mining(*released, rows)
    same_lists = np.array_equal(graph.positives()[:rows], kept[:, 1:].numpy())
    same_positives = _same_positives(graph, kept, rows)
    print(f"\n{rows} rows: kept neighbors identical to the released loop's: {same_lists};")
    print(f"positives in compat mode identical to the released mask: {same_positives}")


def _same_positives(graph: NeighborGraph, kept: torch.Tensor, rows: int) -> bool:
    ours = as_mask(released_positives(graph, np.arange(rows)), graph.n)
    return torch.equal(ours, released_mask(kept, graph.n))


if __name__ == "__main__":
    main()
