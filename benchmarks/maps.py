"""Maps by UMAP: as it comes, and with the exact neighbors given, as `dnalib.plots.project` does.

Run ``python benchmarks/maps.py``. The first map of a process pays for what UMAP compiles, so that
each system draws its first map in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import blended, parse, show, show_machine

from dnalib.neighbors import retrieve
from dnalib.plots import project

KEPT = 10
"""Neighbors of a row that are looked for among as many on the map."""


def with_umap(features: np.ndarray) -> np.ndarray:
    """Return the map of UMAP with its own search, and `project`'s settings otherwise."""
    from umap import UMAP

    settings = {"n_neighbors": 15, "min_dist": 0.1, "metric": "cosine", "n_epochs": 200}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return UMAP(**settings, random_state=0, n_jobs=1).fit_transform(features)


SYSTEMS = {"UMAP, its own search": with_umap, "dnalib, exact neighbors given": project}


def read(name: str, n: int) -> dict[str, float]:
    """Draw the same map twice; return CPU seconds and the share of neighbors that it keeps."""
    features, _ = blended(n)
    taken = []
    for _ in range(2):
        start = time.process_time()
        xy = SYSTEMS[name](features)
        taken.append(time.process_time() - start)
    near = retrieve(features, KEPT)[0]
    distances = np.square(xy[:, None] - xy).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    drawn = np.argpartition(distances, KEPT, axis=1)[:, :KEPT]
    kept = np.mean([np.isin(a, b).mean() for a, b in zip(near, drawn, strict=True)])
    return {"first, CPU s": taken[0], "next, CPU s": taken[1], "neighbors kept, %": 100 * kept}


def read_elsewhere(name: str, n: int) -> dict[str, float]:
    """Do `read` in a process of its own."""
    command = [sys.executable, __file__, "--system", name, "--n", str(n)]
    return json.loads(subprocess.check_output(command, text=True))


def main() -> None:
    """Print the table, or for one system its row."""
    options = parse(__doc__.splitlines()[0], n=3000, system="")
    if options.system:
        print(json.dumps(read(options.system, options.n)))
        return
    n = 300 if options.quick else options.n
    table = pd.DataFrame({name: read_elsewhere(name, n) for name in SYSTEMS}).T
    table["time ratio"] = table["next, CPU s"] / table["next, CPU s"].iloc[0]
    show_machine()
    show(f"Maps: n = {n:,}, d = 384", table)


if __name__ == "__main__":
    main()
