"""What a person takes away: the table of categories, the model and the report."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE

from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.discovery.report import write_report
from dnalib.discovery.saving import check_target
from dnalib.files import atomic_path

LARGEST_SHEET = 50_000
"""Rows up to which an Excel file is written; Parquet beyond."""


def export(
    model: FineCategoryDiscovery,
    folder: str | os.PathLike,
    *,
    title: str = "Discovered categories",
) -> dict[str, Path]:
    """Write ``categories.csv``, ``categories.xlsx``, ``report.html`` and the folder ``model``.

    Each is written whole or not at all, over what an earlier export left; of its table as Excel or
    Parquet, the one that is not written again goes. Call it again after changes by hand.

    Parameters
    ----------
    model : FineCategoryDiscovery
        Fitted in this session.
    folder : path
        Made if needed.
    title : str
        Of the report.

    Returns
    -------
    dict
        ``"csv"``, ``"sheet"`` (Excel, or Parquet for more than 50,000 rows), ``"report"``,
        ``"model"``: where they are. The table has one row for each row that was given, in their
        order: ``row`` (from 0), ``parent``, ``category`` (-1 without text), ``name``,
        ``confidence``.

    Raises
    ------
    ValueError
        If the model was loaded from disk, or there is something else than a model where its folder
        belongs; nothing is written then.
    """
    folder = Path(folder)
    check_target(folder / "model")
    table = model.fitted_table()
    written = {"csv": folder / "categories.csv"}
    with atomic_path(written["csv"]) as path:
        table.to_csv(path, index=False, float_format="%.4f")
    written["sheet"] = _write_sheet(table, folder)
    written["report"] = write_report(model, folder / "report.html", title=title)
    written["model"] = folder / "model"
    model.save(written["model"])
    return written


def _write_sheet(table: pd.DataFrame, folder: Path) -> Path:
    target, other = folder / "categories.xlsx", folder / "categories.parquet"
    if len(table) > LARGEST_SHEET:
        target, other = other, target
    with atomic_path(target) as path:
        if target.suffix == ".parquet":
            table.to_parquet(path)
        else:
            safe = {name: table[name].map(_as_plain_cell) for name in ("parent", "name")}
            table.assign(**safe).to_excel(path, index=False)
    other.unlink(missing_ok=True)  # an earlier export's: two that disagree would mislead
    return target


def _as_plain_cell(text: str) -> str:
    """Return text that a spreadsheet takes for no formula, no error and no broken file."""
    text = ILLEGAL_CHARACTERS_RE.sub("", text)
    is_taken = text.startswith("=") or text in ERROR_CODES  # openpyxl takes nothing else for one
    return f"'{text}" if is_taken else text
