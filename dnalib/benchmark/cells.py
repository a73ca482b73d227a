"""One run of the grid: what tells it from every other, and the record of it."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

import dnalib
from dnalib import datasets, environment
from dnalib.benchmark.readings import read_clusters
from dnalib.methods import run

SCORES = ("acc", "ari", "nmi")
RECORDED_PACKAGES = ("torch", "transformers", "numpy", "scikit-learn", "faiss-cpu")
BEFORE_IT_WAS_RECORDED = "bfloat16"
"""Arithmetic of the runs that do not name theirs: all were made on processors with bfloat16."""


@dataclass(frozen=True)
class Cell:
    """One run of the grid."""

    dataset: str
    method: str
    seed: int
    encoder: str = "minilm"
    trainable_layers: int | str = 2
    max_length: int = 64

    def __str__(self) -> str:
        named = [self.dataset, self.method]
        if self.encoder != "minilm":
            named.append(self.encoder)
        for name in ("trainable_layers", "max_length"):
            if (value := getattr(self, name)) != getattr(Cell, name):
                named.append(f"{name}={value}")
        return " ".join([*named, f"seed {self.seed}"])


def key_of(cell: Cell, settings: dict) -> str:
    """Return the key of a run: its cell and its resolved settings, hashed.

    Neither the code nor the packages count: after a change of them a run keeps its key.
    """
    described = json.dumps([asdict(cell), settings], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def measure_cell(cell: Cell, settings: dict) -> dict:
    """Run one cell in this process and return its record: scores, cost, history, environment.

    Parameters
    ----------
    cell : Cell
    settings : dict
        Fields of `dnalib.training.TrainingConfig`, over the method's own.

    Returns
    -------
    dict
        JSON data; ``seconds`` is wall time without scoring, ``cpu_seconds`` what this process
        has used until the scores were there and ``peak_gib`` the most memory it held.
    """
    cpu = time.process_time()
    dataset = datasets.load(cell.dataset)
    result = run(
        dataset,
        cell.method,
        seed=cell.seed,
        encoder=cell.encoder,
        trainable_layers=cell.trainable_layers,
        max_length=cell.max_length,
        **settings,
    )
    history = result.history.round(6).to_dict("list")
    cost = {
        "seconds": round(result.seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gib": round(environment.peak_gib(), 2),
    }
    return {
        **asdict(cell),
        **result.scores,
        **read_clusters(dataset, result),
        **cost,
        "config": result.config.to_dict(),
        "history": history,
        "environment": describe_environment(),
    }


def hardware_of(record: dict) -> str:
    """Return which of `dnalib.environment.HARDWARE` made a run, and so what its seconds are of."""
    made_on = record["environment"]
    if made_on.get("gpus"):
        return "GPU"
    return f"CPU, {made_on.get('arithmetic', BEFORE_IT_WAS_RECORDED)}"


def describe_environment() -> dict:
    """Return the code's version and git revision, the time, the packages and the hardware."""
    hardware = environment.hardware()
    return {
        "dnalib": dnalib.__version__,
        "revision": environment.revision(Path(__file__).parent),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "threads": torch.get_num_threads(),
        **{name: environment.installed(name) for name in RECORDED_PACKAGES},
        **{name: hardware[name] for name in ("system", "processor", "cores", "memory_gib")},
        "gpus": hardware["gpus"] if torch.cuda.is_available() else [],  # that were computed on
        "arithmetic": environment.arithmetic(),
    }
