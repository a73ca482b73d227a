"""Notebook 12 as it stands on sets whose fine labels are known, given to it as a CSV.

``python -m dnalib study own-data`` executes ``notebooks/12_your_own_data.ipynb`` once a dataset and
seed, with nothing changed but these two, and keeps what its section 5 compares: the notebook, which
estimates the number of categories, against k-means on the embeddings as they come, which is told
the true one. What the notebook leaves (tables, report, model) stays in ``outputs/own_data``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from dnalib.studies.study import Study

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "12_your_own_data.ipynb"
METHODS = ("embeddings", "notebook")
"""The rows of the notebook's table of scores, in its order."""


def measure(dataset: str, seed: int, methods: Sequence[str] = METHODS) -> Iterator[dict]:
    """Execute the notebook on a dataset; yield a row for the baseline and one for the notebook.

    Returns
    -------
    iterator of dict
        ``method``, ``acc``, ``ari``, ``nmi`` over all rows in percent, ``rows``, ``categories``;
        for the notebook also ``seconds`` and ``cpu_seconds`` of all of it, report included.
    """
    folder = folder_of(dataset, seed)
    started, cpu = time.perf_counter(), _cpu_of_children()
    execute(dataset, seed)
    cost = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": _cpu_of_children() - cpu,
    }
    for row in read_rows(folder):
        if row["method"] in methods:
            yield row | (cost if row["method"] == "notebook" else {})


def folder_of(dataset: str, seed: int = 0) -> Path:
    """Return where the notebook leaves what it made of a dataset."""
    return ROOT / "outputs" / "own_data" / f"{dataset or 'support_tickets'}_{seed}"


def execute(dataset: str, seed: int = 0) -> None:
    """Run the notebook by papermill in its own folder, on its own table for the dataset ``""``."""
    folder = folder_of(dataset, seed)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "papermill", "-k", "python3", "--no-progress-bar"]
    command += ["-p", "dataset", dataset, "-p", "output_dir", str(folder), "-p", "seed", str(seed)]
    command += [NOTEBOOK.name, str(folder / "executed.ipynb")]  # the last is named if it fails
    environment = os.environ | {"DNALIB_HEADLESS": "1"}
    subprocess.run(command, cwd=NOTEBOOK.parent, env=environment, check=True)


def read_rows(folder: Path) -> Iterator[dict]:
    """Yield a row for each method that the notebook compared, as it wrote them to `folder`."""
    scores = pd.read_csv(folder / "scores.csv", index_col=0)
    metrics = pd.read_json(folder / "metrics.json", typ="series")
    for place, (method, categories) in enumerate(
        zip(METHODS, ("n_true", "n_categories"), strict=True)
    ):
        reached = {score: scores.iloc[place][score.upper()] for score in ("acc", "ari", "nmi")}
        sizes = {"rows": int(metrics["n_rows"]), "categories": int(metrics[categories])}
        yield {"method": method, **reached, **sizes}


def _cpu_of_children() -> float:
    import resource  # not above: Windows has none, and notebook 12 imports this module

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


STUDY = Study(
    "own_data.csv",
    ("pydocs", "hwu64", "clinc150"),
    METHODS,
    measure,
    main=("acc", "ari", "nmi", "categories"),
    seeds=(0,),
)
