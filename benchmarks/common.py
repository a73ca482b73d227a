"""What the benchmark scripts share: features, timing, memory, tables."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import gc
import threading
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
import psutil
import torch

from dnalib.datasets import load
from dnalib.encoders import embed
from dnalib.environment import arithmetic, hardware
from dnalib.neighbors import retrieve


def parse(description: str, **defaults: int | str) -> argparse.Namespace:
    """Read ``--quick`` and an option for each of ``defaults``, of its kind."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes: seconds, not minutes")
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args()


def blended(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return n unit rows between real ones, and the coarse label of the nearer real one.

    A row lies between the embedding of a text of pydocs and that of one of its 50 nearest
    neighbors, with noise of half its length. On 18,000 rows they resemble the 18,000 embeddings
    of CLINC150: mean similarity of the first and the 50th neighbor 0.78 and 0.49 (there 0.85 and
    0.57), intrinsic dimension of the 20-neighborhood 7.9 (6.9), 91 effective dimensions (92); an
    inverted file that looks into 8 of 140 cells finds 94.9 % of the 50 nearest (97.6 %).
    """
    base, nearest, coarse = _pydocs()
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(base), n)
    second = nearest[first, rng.integers(0, 50, n)]
    share = rng.uniform(0.5, 1, (n, 1)).astype(np.float32)
    rows = np.empty((n, base.shape[1]), dtype=np.float32)
    for part in np.array_split(np.arange(n), max(1, n // 50_000)):
        between = unit(share[part] * base[first[part]] + (1 - share[part]) * base[second[part]])
        noise = rng.standard_normal(between.shape, dtype=np.float32)
        rows[part] = unit(between + 0.5 / np.sqrt(noise.shape[1]) * noise)
    return rows, coarse[first]


@functools.cache
def _pydocs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = load("pydocs").train
    features = embed(texts.inputs, progress=False)
    return features, retrieve(features, 50)[0], texts.coarse


def unit(rows: np.ndarray) -> np.ndarray:
    """Return the rows scaled to length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def seconds(functions: dict[str, Callable], repeats: int) -> pd.DataFrame:
    """Time functions in turns; return the least wall and CPU seconds of each, by name.

    Taking turns lets whatever else the machine does disturb all of them alike.
    """
    best = {name: [np.inf, np.inf] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            taken = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = [min(pair) for pair in zip(best[name], taken, strict=True)]
    return pd.DataFrame(best, index=["wall s", "CPU s"]).T


def array_memory(function: Callable) -> float:
    """Return the most MB that NumPy's arrays took while a function ran."""
    tracemalloc.start()
    function()
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest / 1e6


def extra_memory(function: Callable) -> float:
    """Return by how many MB the process's resident memory rose at most while it ran."""
    process, stop, highest = psutil.Process(), threading.Event(), 0

    def watch():
        nonlocal highest
        while not stop.wait(0.005):
            highest = max(highest, process.memory_info().rss)

    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        # Elsewhere than in glibc there is nothing to hand back.
        ctypes.CDLL(None).malloc_trim(0)
    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        stop.set()
        watcher.join()
    return max(0.0, highest - before) / 1e6


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table in Markdown, numbers with three significant digits."""
    rows = [[table.index.name or "", *table.columns], ["---"] * (len(table.columns) + 1)]
    rows += [[name, *map(_formatted, row)] for name, row in zip(table.index, table.to_numpy())]
    print(f"\n**{title}**\n")
    print("\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows), flush=True)


def _formatted(value: object) -> str:
    if not isinstance(value, float | np.floating):
        return str(value)
    return "" if np.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def show_machine() -> None:
    """Print what the tables were read on."""
    found = hardware()
    print(
        f"{found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB, "
        f"{torch.get_num_threads()} thread(s), {arithmetic()}, GPUs: {found['gpus'] or 'none'}"
    )
