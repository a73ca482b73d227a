"""Discovered categories under their coarse labels, as bars."""

from unicodedata import east_asian_width

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnalib.plots.style import DARK, OKABE_ITO, plain, set_figure_title

MAX_BARS = 400  # of 0.23 inches; Matplotlib draws no picture of more than 65,536 pixels
MAX_LETTERS = 45  # of a name: more would leave the bars no room

SHAKY = 0.6
"""Stability below which a category is said to be shaky."""


def category_bars(categories: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the size of each category, those of a coarse label together; `SHAKY` ones are hollow.

    Parameters
    ----------
    categories : DataFrame
        Columns ``parent``, ``name``, ``size`` and ``stability``, as
        `dnalib.discovery.FineCategoryDiscovery.categories` returns them. Of more than 400, the
        largest 400 are drawn, and the figure says so.
    title : str, optional
        The finding.

    Returns
    -------
    Figure
    """
    largest = categories.sort_values("size", ascending=False, kind="stable").head(MAX_BARS)
    ordered = largest.sort_values(["parent", "size"], ascending=[True, False])
    height = 1.0 + 0.23 * (len(ordered) + ordered["parent"].nunique())
    fig, ax = plt.subplots(figsize=(8, height), layout="constrained")
    place, ticks = 0.0, []
    bold = {"fontweight": "bold", "fontsize": 9, "color": DARK, "va": "center", "ha": "left"}
    for position, (parent, inside) in enumerate(ordered.groupby("parent", sort=False)):
        color = OKABE_ITO[position % 6]
        ax.text(0, place, _shown(parent), **bold)
        place += 1
        for entry in inside.rename(columns={"name": "label"}).itertuples():
            hollow = entry.stability < SHAKY
            ax.barh(
                place, entry.size, height=0.72, color="white" if hollow else color, edgecolor=color
            )
            ticks.append((place, _shown(entry.label)))
            place += 1
    _label(ax, ticks, place)
    if len(categories) > MAX_BARS:
        note = f"The largest {MAX_BARS} of {len(categories):,} categories"
        ax.set_xlabel(f"{ax.get_xlabel()}\n{note}")
    set_figure_title(fig, title)
    return fig


def _label(ax: Axes, ticks: list[tuple[float, str]], end: float) -> None:
    ax.set_yticks([place for place, _ in ticks], [label for _, label in ticks], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(end - 0.4, -0.7), xlabel="Texts (hollow: a category that rarely comes back)")


def _shown(name: object) -> str:
    """A name as it stands in the figure; Chinese and Japanese letters take the room of two."""
    name = str(name)
    widths = np.cumsum([2 if east_asian_width(letter) in "WF" else 1 for letter in name])
    if len(name) and widths[-1] > MAX_LETTERS:
        name = name[: np.searchsorted(widths, MAX_LETTERS)].rstrip() + "…"
    return plain(name)
