"""Discovered categories under their coarse labels, as bars."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnalib.plots.style import DARK, OKABE_ITO, plain, set_figure_title


def category_bars(
    categories: pd.DataFrame, *, shaky: float = 0.6, title: str | None = None
) -> Figure:
    """Draw the size of each category, those of a coarse label together.

    Parameters
    ----------
    categories : DataFrame
        Columns ``parent``, ``name``, ``size`` and ``stability``, as
        `dnalib.discovery.FineCategoryDiscovery.categories` returns them.
    shaky : float, default 0.6
        Bars of categories with a stability below it are hollow.
    title : str, optional
        The finding.

    Returns
    -------
    Figure
    """
    ordered = categories.sort_values(["parent", "size"], ascending=[True, False])
    fig, ax = plt.subplots(figsize=(8, 1.0 + 0.23 * (len(ordered) + ordered["parent"].nunique())))
    place, ticks = 0.0, []
    for position, (parent, inside) in enumerate(ordered.groupby("parent", sort=False)):
        color = OKABE_ITO[position % 6]
        ax.text(0, place, plain(parent), fontweight="bold", color=DARK, va="center", ha="left")
        place += 1
        for entry in inside.rename(columns={"name": "label"}).itertuples():
            hollow = entry.stability < shaky
            ax.barh(
                place, entry.size, height=0.72, color="white" if hollow else color, edgecolor=color
            )
            ticks.append((place, plain(entry.label)))
            place += 1
    _label(ax, ticks, place)
    set_figure_title(fig, title)
    return fig


def _label(ax: Axes, ticks: list[tuple[float, str]], end: float) -> None:
    ax.set_yticks([place for place, _ in ticks], [label for _, label in ticks], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(end - 0.4, -0.7), xlabel="Texts (hollow: a category that rarely comes back)")
