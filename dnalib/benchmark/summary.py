"""The table of means: one row a dataset, method and encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from dnalib.benchmark.cells import SCORES, hardware_of
from dnalib.environment import HARDWARE

COSTS = ("seconds", "cpu_seconds")

READINGS = ("ward", "inductive")
"""Scores of the same features in other ways, as `dnalib.benchmark.readings` says."""


def summarize(records: Sequence[dict]) -> pd.DataFrame:
    """Return one row a dataset, method and encoder: mean and standard deviation over seeds.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`.

    Returns
    -------
    DataFrame
        Columns dataset, method, encoder, seeds; for each score, for each ``ward_`` score (k-means
        from Ward's clusters) and ``inductive_`` score (centers from the training split) the mean
        and ``_sd``; what `mean_costs` returns; the mean neighbor precision before and after
        filtering at the first and the last mining. Of each dataset, method and encoder the
        settings that most seeds were run with, the newest among equals.
    """
    rows = []
    for names in dict.fromkeys(map(_row_of, records)):
        runs = _of_main_setting([r for r in records if _row_of(r) == names])
        rows.append(dict(zip(("dataset", "method", "encoder"), names, strict=True)) | _means(runs))
    table = pd.DataFrame(rows)
    return table.sort_values(["dataset", "acc"], ignore_index=True) if rows else table


def main_runs(records: Sequence[dict], dataset: str) -> dict[str, list[dict]]:
    """Return the runs of each method on one dataset, in order of seeds.

    Of each method's settings those that most seeds were run with, the newest among equals.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`.
    dataset : str
        Runs of other datasets, and runs with other encoders than the default, are left out.
    """
    runs = [r for r in records if (r["dataset"], r["encoder"]) == (dataset, "minilm")]
    return {
        method: _of_main_setting([r for r in runs if r["method"] == method])
        for method in dict.fromkeys(r["method"] for r in runs)
    }


def _of_main_setting(records: Sequence[dict]) -> list[dict]:
    by_setting: dict[str, list[dict]] = {}
    for record in records:
        by_setting.setdefault(_setting(record), []).append(record)
    newest_first = reversed(by_setting.values())
    return sorted(max(newest_first, key=len), key=lambda record: record["seed"])


def _row_of(record: dict) -> tuple[str, str, str]:
    return record["dataset"], record["method"], record["encoder"]


def _setting(record: dict) -> str:
    names = ("trainable_layers", "max_length", "config")
    return json.dumps([record[name] for name in names], sort_keys=True)


def _means(records: list[dict]) -> dict[str, object]:
    runs = pd.DataFrame(records)
    row = {"seeds": " ".join(str(seed) for seed in sorted(runs["seed"]))}
    for reading in READINGS:
        if all(reading in record for record in records):  # early runs have none
            runs = runs.join(pd.DataFrame(list(runs[reading])).add_prefix(f"{reading}_"))
    read = [f"{reading}_{score}" for reading in READINGS for score in SCORES]
    row |= _mean_and_sd(runs, [column for column in (*SCORES, *read) if column in runs])
    row |= mean_costs(records)
    return row | (_neighbor_columns(runs["history"]) if runs["history"].iloc[0] else {})


def mean_costs(records: Sequence[dict]) -> dict[str, object]:
    """Return what runs of one method cost.

    Parameters
    ----------
    records : sequence of dict
        Lines of a `ResultStore`. Seconds of one kind of hardware say nothing of another: of
        `dnalib.environment.HARDWARE` the first counts that there are runs of.

    Returns
    -------
    dict
        For ``seconds`` and ``cpu_seconds`` the mean and ``_sd``; the highest ``peak_gib``; the
        ``hardware`` of the runs that these are of.
    """
    by_hardware: dict[str, list[dict]] = {}
    for record in records:
        by_hardware.setdefault(hardware_of(record), []).append(record)
    hardware = min(by_hardware, key=HARDWARE.index)
    runs = pd.DataFrame(by_hardware[hardware])
    highest = {"peak_gib": runs["peak_gib"].max(), "hardware": hardware}
    return _mean_and_sd(runs, COSTS) | highest


def _mean_and_sd(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, float]:
    row = {}
    for column in columns:
        row[column] = round(runs[column].mean(), 6)  # shown with one digit: never rounded twice
        row[f"{column}_sd"] = round(runs[column].std(ddof=1), 6)
    return row


def _neighbor_columns(histories: pd.Series) -> dict[str, float]:
    """Return the mean neighbor precision before and after filtering, first and last mining."""
    columns = {}
    for name in ("precision_retrieved", "precision", "kept_share"):
        if name in histories.iloc[0]:
            for when, place in (("first", 0), ("last", -1)):
                values = [100 * history[name][place] for history in histories]
                columns[f"{name}_{when}"] = round(sum(values) / len(values), 2)
    return columns
