"""The grid of dataset, method and seed: runs what is missing, keeps every result, makes the table.

Results are lines of JSON in one file that is only ever appended to, each keyed by all that decides
its numbers. A grid that was killed goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import combinations, product
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

import dnalib
from dnalib import datasets, environment
from dnalib.encoders import embed
from dnalib.files import atomic_path
from dnalib.methods import get_method, resolve_config, run
from dnalib.neighbors import FILTERS, build_graph, precision, recall

SCORES = ("acc", "ari", "nmi")
RESULTS = Path("results")
PUBLISHED = Path(__file__).resolve().parents[1] / "results" / "published.csv"
RECORDED_PACKAGES = ("torch", "transformers", "numpy", "scikit-learn", "faiss-cpu")


@dataclass(frozen=True)
class Cell:
    """One run of the grid."""

    dataset: str
    method: str
    seed: int
    encoder: str = "minilm"
    trainable_layers: int | str = 2
    max_length: int = 64


class ResultStore:
    """Runs on disk, one line of JSON each, appended and never changed.

    Parameters
    ----------
    path : path
        The file; made at the first result.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    def records(self) -> list[dict]:
        """Return all results, oldest first; a last line cut off by a kill is left out."""
        if not self.path.exists():
            return []
        records = []
        for number, line in enumerate(self.path.read_text("utf-8").splitlines(keepends=True), 1):
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                if line.endswith("\n"):
                    raise ValueError(
                        f"{self.path}, line {number} is not JSON: expected one result a line; "
                        "mend or remove that line"
                    ) from error
        return records

    def keys(self) -> set[str]:
        """Return the keys of all results."""
        return {record["key"] for record in self.records()}

    def append(self, record: dict) -> None:
        """Add one result; it is on the disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab+") as file:
            if file.tell() and not self._ends_whole(file):
                self._cut_last_line(file)
            file.write(json.dumps(record, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _ends_whole(file) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    @staticmethod
    def _cut_last_line(file) -> None:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def key_of(cell: Cell, settings: dict) -> str:
    """Return what tells this run from every other: the cell and its resolved settings, hashed."""
    described = json.dumps([asdict(cell), settings], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def run_grid(
    cells: Iterable[Cell],
    store: ResultStore,
    *,
    measure: Callable[[Cell, dict], dict] | None = None,
    **settings,
) -> None:
    """Run the cells that ``store`` does not hold yet, in order.

    Parameters
    ----------
    cells : iterable of Cell
    store : ResultStore
    measure : callable, optional
        Runs one cell with the given settings and returns its record; by default in a process of
        its own, so that its memory is its own and nothing is left of it.
    **settings
        Fields of `dnalib.training.TrainingConfig`, for all cells.
    """
    cells = list(cells)
    measure = measure or _measure_apart
    for number, cell in enumerate(cells, 1):
        dataset = datasets.load(cell.dataset)
        config = resolve_config(get_method(cell.method), dataset, settings)
        key = key_of(cell, config.to_dict())
        name = f"[{number}/{len(cells)}] {cell.dataset} {cell.method} seed {cell.seed}"
        if key in store.keys():
            print(f"{name}: up to date", flush=True)
            continue
        print(f"{name}: running", flush=True)
        record = {"key": key, **measure(cell, settings)}
        store.append(record)
        scores = " ".join(f"{score} {record[score]:.1f}" for score in SCORES)
        print(f"{name}: {scores} in {record['seconds']:.0f} s", flush=True)


def _measure_apart(cell: Cell, settings: dict) -> dict:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure_cell, cell, settings).result()


def measure_cell(cell: Cell, settings: dict) -> dict:
    """Run one cell in this process and return its record: scores, cost, history, environment."""
    cpu = time.process_time()
    result = run(
        datasets.load(cell.dataset),
        cell.method,
        seed=cell.seed,
        encoder=cell.encoder,
        trainable_layers=cell.trainable_layers,
        max_length=cell.max_length,
        **settings,
    )
    history = result.history.round(6).to_dict("list")
    return {
        **asdict(cell),
        **result.scores,
        "seconds": round(result.seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "config": result.config.to_dict(),
        "history": history,
        "environment": _environment(),
    }


def _environment() -> dict:
    hardware = environment.hardware()
    return {
        "dnalib": dnalib.__version__,
        "revision": environment.revision(Path(__file__).parent),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        **{name: environment.installed(name) for name in RECORDED_PACKAGES},
        **{name: hardware[name] for name in ("system", "processor", "cores", "memory_gib", "gpus")},
    }


def summarize(records: Sequence[dict]) -> pd.DataFrame:
    """Return one row a dataset, method and setting: mean and standard deviation over seeds.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`.

    Returns
    -------
    DataFrame
        Columns dataset, method, seeds, and for each score and for seconds its mean and ``_sd``;
        the newest settings of each dataset and method.
    """
    rows = []
    newest = {(r["dataset"], r["method"]): _setting(r) for r in records}
    for (dataset, method), setting in newest.items():
        runs = pd.DataFrame(
            [r for r in records if (r["dataset"], r["method"]) == (dataset, method)
             and _setting(r) == setting]
        )  # fmt: skip
        row = {"dataset": dataset, "method": method}
        row["seeds"] = " ".join(str(seed) for seed in sorted(runs["seed"]))
        for column in (*SCORES, "seconds"):
            row[column] = round(runs[column].mean(), 2)
            row[f"{column}_sd"] = round(runs[column].std(ddof=1), 2)
        row["peak_gib"] = runs["peak_gib"].max()
        if runs["history"].iloc[0]:
            row |= _neighbor_columns(runs["history"])
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.sort_values(["dataset", "acc"], ignore_index=True) if rows else table


def _setting(record: dict) -> str:
    names = ("encoder", "trainable_layers", "max_length", "config")
    return json.dumps([record[name] for name in names], sort_keys=True)


def _neighbor_columns(histories: pd.Series) -> dict[str, float]:
    """Return the mean neighbor precision before and after filtering, first and last mining."""
    columns = {}
    for name in ("precision_retrieved", "precision", "kept_share"):
        if name in histories.iloc[0]:
            for when, place in (("first", 0), ("last", -1)):
                values = [100 * history[name][place] for history in histories]
                columns[f"{name}_{when}"] = round(sum(values) / len(values), 2)
    return columns


def measure_neighbors(dataset: datasets.CoarseDataset, *, m: int = 5) -> pd.DataFrame:
    """Return precision, recall and kept share of every combination of filters, in percent.

    On the training texts' embeddings as they come, with the default k.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels.
    m : int, default 5
        Of the rank filter.
    """
    features = embed(dataset.train.inputs)
    k = resolve_config(get_method("dna"), dataset, {}).k
    rows = []
    for count in range(len(FILTERS) + 1):
        for filters in combinations(FILTERS, count):
            graph = build_graph(features, dataset.train.coarse, k, filters, m)
            row = {"dataset": dataset.name, "k": k, "filters": "+".join(filters) or "none"}
            row["precision"] = round(100 * precision(graph, dataset.train.fine), 2)
            row["recall"] = round(100 * recall(graph, dataset.train.fine), 2)
            row["kept_share"] = round(100 * graph.kept_share, 2)
            rows.append(row)
    return pd.DataFrame(rows)


# --- the tables as README shows them ---


def results_markdown(table: pd.DataFrame, published: pd.DataFrame) -> str:
    """Return the scores of `summarize` as a Markdown table, the published ones above ours.

    Parameters
    ----------
    table : DataFrame
        Of `summarize`.
    published : DataFrame
        Columns dataset, method, acc, ari, nmi.
    """
    lines = ["| dataset | system | ACC | ARI | NMI | seconds |", "|---|---|---|---|---|---|"]
    for dataset, ours in table.groupby("dataset", sort=True):
        for row in published[published["dataset"] == dataset].to_dict("records"):
            scores = " | ".join(f"{row[score]:.2f}" for score in SCORES)
            lines.append(f"| {dataset} | {row['method']}, published | {scores} | |")
        for row in ours.to_dict("records"):
            scores = " | ".join(f"{row[score]:.1f} ± {row[f'{score}_sd']:.1f}" for score in SCORES)
            title = get_method(row["method"]).title
            lines.append(f"| {dataset} | **{title}, ours** | {scores} | {row['seconds']:.0f} |")
    return "\n".join(lines)


def neighbors_markdown(neighbors: pd.DataFrame) -> str:
    """Return what filtering by label and reciprocity does, of `measure_neighbors`, in Markdown."""
    lines = [
        "| dataset | k | precision before | after | gain | kept |",
        "|---|---|---|---|---|---|",
    ]
    for dataset, rows in neighbors.groupby("dataset", sort=True):
        before, after = (rows.set_index("filters").loc[f] for f in ("none", "label+reciprocal"))
        gain = after["precision"] - before["precision"]
        lines.append(
            f"| {dataset} | {before['k']} | {before['precision']:.1f} | {after['precision']:.1f} "
            f"| +{gain:.1f} | {after['kept_share']:.0f} % |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib benchmark``; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dnalib benchmark", description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["pydocs"])
    parser.add_argument("--methods", nargs="+", default=["embeddings", "coarse-ce", "dna"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of runs.jsonl")
    chosen = parser.parse_args(arguments)
    store = ResultStore(chosen.results / "runs.jsonl")
    cells = [
        Cell(dataset, method, seed, chosen.encoder)
        for dataset, method, seed in product(chosen.datasets, chosen.methods, chosen.seeds)
    ]
    try:
        run_grid(cells, store)
    except (ValueError, FileNotFoundError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    table = summarize(store.records())
    neighbors = pd.concat(measure_neighbors(datasets.load(name)) for name in chosen.datasets)
    _write_table(table, chosen.results / "table.csv")
    _write_table(neighbors, chosen.results / "neighbors.csv")
    print(f"\n{results_markdown(table, read_published())}\n\n{neighbors_markdown(neighbors)}")
    return 0


def read_published(path: Path = PUBLISHED) -> pd.DataFrame:
    """Return the published scores; empty away from a clone of the repository."""
    columns = ["dataset", "method", *SCORES, "source"]
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


def _write_table(table: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
