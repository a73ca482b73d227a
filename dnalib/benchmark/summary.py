"""The table of means: one row a dataset, method and encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from dnalib.benchmark.cells import SCORES

COSTS = ("seconds", "cpu_seconds")


def summarize(records: Sequence[dict]) -> pd.DataFrame:
    """Return one row a dataset, method and encoder: mean and standard deviation over seeds.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`.

    Returns
    -------
    DataFrame
        Columns dataset, method, encoder, seeds; for each score, for wall and CPU seconds the mean
        and ``_sd``; the highest ``peak_gib``; the mean neighbor precision before and after
        filtering at the first and the last mining. Of each dataset, method and encoder the newest
        settings.
    """
    rows = []
    newest = {_row_of(record): _setting(record) for record in records}
    for names, setting in newest.items():
        runs = [r for r in records if _row_of(r) == names and _setting(r) == setting]
        rows.append(dict(zip(("dataset", "method", "encoder"), names, strict=True)) | _means(runs))
    table = pd.DataFrame(rows)
    return table.sort_values(["dataset", "acc"], ignore_index=True) if rows else table


def newest_runs(records: Sequence[dict], dataset: str) -> dict[str, list[dict]]:
    """Return the runs of each method on one dataset: of its newest settings, in order of seeds.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`.
    dataset : str
        Runs of other datasets, and runs with other encoders than the default, are left out.
    """
    runs = [r for r in records if (r["dataset"], r["encoder"]) == (dataset, "minilm")]
    newest = {record["method"]: _setting(record) for record in runs}
    return {
        method: sorted(
            (r for r in runs if r["method"] == method and _setting(r) == setting),
            key=lambda record: record["seed"],
        )
        for method, setting in newest.items()
    }


def _row_of(record: dict) -> tuple[str, str, str]:
    return record["dataset"], record["method"], record["encoder"]


def _setting(record: dict) -> str:
    names = ("trainable_layers", "max_length", "config")
    return json.dumps([record[name] for name in names], sort_keys=True)


def _means(records: list[dict]) -> dict[str, object]:
    runs = pd.DataFrame(records)
    row = {"seeds": " ".join(str(seed) for seed in sorted(runs["seed"]))}
    for column in (*SCORES, *COSTS):
        row[column] = round(runs[column].mean(), 2)
        row[f"{column}_sd"] = round(runs[column].std(ddof=1), 2)
    row["peak_gib"] = runs["peak_gib"].max()
    return row | (_neighbor_columns(runs["history"]) if runs["history"].iloc[0] else {})


def _neighbor_columns(histories: pd.Series) -> dict[str, float]:
    """Return the mean neighbor precision before and after filtering, first and last mining."""
    columns = {}
    for name in ("precision_retrieved", "precision", "kept_share"):
        if name in histories.iloc[0]:
            for when, place in (("first", 0), ("last", -1)):
                values = [100 * history[name][place] for history in histories]
                columns[f"{name}_{when}"] = round(sum(values) / len(values), 2)
    return columns
