"""The tables as README shows them, made from the result files alone."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd

from dnalib.benchmark.cells import SCORES
from dnalib.environment import HARDWARE
from dnalib.files import atomic_path
from dnalib.methods import METHODS

OTHER_ACC = ("ward_acc", "inductive_acc")
PUBLISHED = Path(__file__).resolve().parents[2] / "results" / "published.csv"


def results_markdown(table: pd.DataFrame, published: pd.DataFrame) -> str:
    """Return the scores of `summarize` as a Markdown table, the published ones above ours.

    Parameters
    ----------
    table : DataFrame
        Of `summarize`.
    published : DataFrame
        Columns dataset, method, acc, ari, nmi.
    """
    lines = [
        "| dataset | system | ACC | ARI | NMI | ACC from Ward | inductive ACC | CPU s | GiB "
        "| seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset, ours in table.groupby("dataset", sort=True):
        for row in published[published["dataset"] == dataset].to_dict("records"):
            scores = " | ".join(f"{row[score]:.2f}" for score in SCORES)
            lines.append(f"| {dataset} | {row['method']}, published | {scores} | | | | | |")
        for row in ours.to_dict("records"):
            scores = " | ".join(_mean_and_spread(row, s) for s in (*SCORES, *OTHER_ACC))
            cost = f"{_cpu_seconds(row)} | {row['peak_gib']:.1f} | {len(row['seeds'].split())}"
            lines.append(f"| {dataset} | **{_title(row)}, ours** | {scores} | {cost} |")
    return "\n".join(lines)


def _mean_and_spread(row: dict, column: str) -> str:
    """Return mean ± standard deviation; the mean alone of one seed, nothing of what is missing."""
    mean, spread = row.get(column, math.nan), row.get(f"{column}_sd", math.nan)
    if math.isnan(mean):
        return ""
    return f"{mean:.1f}" if math.isnan(spread) else f"{mean:.1f} ± {spread:.1f}"


def _cpu_seconds(row: dict) -> str:
    """Return the CPU seconds, marked where they must not be compared with those of other rows."""
    usual, hardware = HARDWARE[0], row["hardware"]
    mark = "" if hardware == usual else f" ({hardware.removeprefix('CPU, ')})"
    return f"{row['cpu_seconds']:.0f}{mark}"


def _title(row: dict) -> str:
    known = METHODS.get(row["method"])  # a method of one's own need not be registered here
    title = known.title if known else row["method"]
    return title if row["encoder"] == "minilm" else f"{title} on {row['encoder']}"


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
            f"| {gain:+.1f} | {after['kept_share']:.0f} % |"
        )
    return "\n".join(lines)


def own_data_markdown(measured: pd.DataFrame) -> str:
    """Return what notebook 12 reaches on known sets, of `dnalib.studies.own_data`, in Markdown.

    ACC over all rows, the mean of the seeds where there are several.
    """
    lines = [
        "| dataset | rows | embeddings + k-means, told the number | notebook 12 | gain "
        "| categories found | true | CPU s | seeds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset, rows in measured.groupby("dataset", sort=True):
        baseline, ours = (rows[rows["method"] == name] for name in ("embeddings", "notebook"))
        told, reached = baseline["acc"].mean(), ours["acc"].mean()
        found = ", ".join(str(number) for number in ours["categories"])
        lines.append(
            f"| {dataset} | {ours['rows'].iloc[0]:,} | {told:.1f} | **{reached:.1f}** "
            f"| {reached - told:+.1f} | {found} | {baseline['categories'].iloc[0]} "
            f"| {ours['cpu_seconds'].mean():.0f} | {len(ours)} |"
        )
    return "\n".join(lines)


def read_published(path: Path = PUBLISHED) -> pd.DataFrame:
    """Return the published scores; empty away from a clone of the repository."""
    columns = ["dataset", "method", *SCORES, "source"]
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


def refresh(document: Path, tables: dict[str, str]) -> None:
    """Put `tables` into a Markdown document, each between the two comments that name it.

    Parameters
    ----------
    document : pathlib.Path
        Holds ``<!-- NAME -->`` and ``<!-- end of NAME -->`` for each table; what stands between
        them is replaced, and nothing else.
    tables : dict of str
        Name to Markdown table.

    Raises
    ------
    ValueError
        When the document has not exactly one such place for a table.
    FileNotFoundError
        When there is no such document.
    """
    text = document.read_text("utf-8")
    for name, table in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        place = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        if len(place.findall(text)) != 1:
            raise ValueError(f"{document} has no one place for a table: expected {start} … {end}")
        text = place.sub(lambda _, put=f"{start}\n{table}\n{end}": put, text)
    with atomic_path(document) as temporary:
        temporary.write_text(text, "utf-8")
