"""Curves: what changes over epochs, k or m."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from dnalib.plots.style import (
    AXIS_LABELS,
    GRAY,
    OKABE_ITO,
    SHARES,
    line_style,
    named_colors,
    plain,
    readable,
    set_figure_title,
    set_title,
)


def history_curves(
    histories: Mapping[str, pd.DataFrame],
    columns: Sequence[str] = ("loss", "precision", "kept_share", "acc"),
    *,
    title: str | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Training histories: one panel a column, one line a run, named at its end.

    Lines differ in their dashes as well, so that both of two that coincide are seen.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        Name of a run to its history, with a column ``epoch`` and any of `columns`. A run without a
        column, or with missing values only, is left out of that panel.
    columns : sequence of str
        Columns to show, in order.
    title : str, optional
        Title of the figure.
    colors : mapping of str to str, optional
        Color of each run; by default that of the method or filter of this name.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If no run has a column.
    """
    rows, per_row = _grid(len(columns))
    fig, axes = plt.subplots(
        rows, per_row, figsize=(3.7 * per_row, 2.8 * rows), layout="constrained", squeeze=False
    )
    color_of = named_colors(list(histories), colors)
    dashes_of = {name: line_style(position) for position, name in enumerate(histories)}
    for ax, column in zip(axes.flat, columns, strict=False):
        for name, (epochs, values) in _history_lines(histories, column).items():
            marker = "o" if len(epochs) <= 12 else ""
            style = {"color": color_of[name], "marker": marker, "markersize": 3.5}
            ax.plot(epochs, values, label=plain(name), linestyle=dashes_of[name], **style)
        ax.set(xlabel="Epoch", ylabel=AXIS_LABELS.get(column, column))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if column in SHARES:
            ax.yaxis.set_major_formatter(PercentFormatter(1))
        _label_line_ends(ax)
    for ax in axes.flat[len(columns) :]:
        ax.remove()
    set_figure_title(fig, title)
    return fig


def lines_with_band(
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    ax: Axes | None = None,
    colors: Mapping[str, str] | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Lines named at their ends; several runs are drawn as their mean with a band min to max.

    The label of the abscissa says so where there are bands.

    Parameters
    ----------
    x : array_like, shape (m,)
        Common abscissa, increasing.
    series : mapping of str to array_like, shape (m,) or (runs, m)
        Values of each line, by its name, which may hold formulas between dollar signs.
    xlabel, ylabel : str
        What the axes show, with units; formulas between dollar signs.
    title : str, optional
        What the lines show.
    ax : Axes, optional
        Where to draw; by default a new figure.
    colors : mapping of str to str, optional
        Color of each line; by default that of the method or filter of this name.
    log_x, log_y : bool, default False
        Whether the axis is logarithmic; values of 0 are then not drawn on it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a series does not have the length of x.
    """
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    x = np.asarray(x)
    color_of = named_colors(list(series), colors)
    note = ""
    for name, values in series.items():
        runs = np.atleast_2d(np.asarray(values, dtype=float))
        if runs.shape[1] != len(x):
            raise ValueError(
                f"series {name!r} has {runs.shape[1]} values for {len(x)} of x: give one value "
                "(or one column) per x."
            )
        color = color_of[name]
        ax.plot(x, runs.mean(axis=0), color=color, label=name, marker="o", markersize=3.5)
        if len(runs) > 1:
            low, high = runs.min(axis=0), runs.max(axis=0)
            ax.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
            note = "\n(bands: lowest to highest run)"  # short, for narrow panels
    if log_x:
        _log_ticks(ax, x)
    if log_y:
        ax.set_yscale("log", nonpositive="mask")
    ax.set(xlabel=xlabel + note, ylabel=ylabel)
    _label_line_ends(ax)
    set_title(ax, title)
    return ax.figure


def setting_curves(
    runs: pd.DataFrame,
    default: Mapping[str, float],
    *,
    luck: tuple[float, float] | None = None,
    score: str = "acc",
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
) -> Figure:
    """A score against settings that were changed one at a time: one panel each, values on log axes.

    Parameters
    ----------
    runs : DataFrame
        One row a run, with the columns ``setting`` (its name), ``value`` and `score`.
    default : mapping of str to float
        Value of each setting where it is not changed, marked by a dotted line.
    luck : (float, float), optional
        Lowest and highest score of runs that differ in their seed alone, shaded; a note says so.
    score : str, default "acc"
        Column to draw.
    labels : mapping of str to str, optional
        What to call each setting; by default its name.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
    """
    names = list(runs["setting"].unique())
    fig, axes = plt.subplots(
        1,
        len(names),
        figsize=(2.5 * len(names), 2.8),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for ax, name in zip(axes.flat, names, strict=True):
        mean = runs[runs["setting"] == name].groupby("value")[score].mean()
        ax.plot(mean.index, mean, color=OKABE_ITO[0], marker="o", markersize=3.5)
        ax.axvline(default[name], color=GRAY, linestyle=":")
        if luck is not None:
            ax.axhspan(*luck, color=GRAY, alpha=0.2, linewidth=0)
        _log_ticks(ax, mean.index)
        ax.set(xlabel=(labels or {}).get(name, name), ylabel=AXIS_LABELS.get(score, score))
        ax.label_outer()
    shaded = "" if luck is None else "; gray: scores that seeds alone give"
    fig.supxlabel(f"Dotted: the default{shaded}", fontsize=9)
    set_figure_title(fig, title)
    return fig


def _log_ticks(ax: Axes, x: ArrayLike) -> None:
    """Make the abscissa logarithmic, with a tick at each value and nowhere else."""
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{value:g}" for value in x])
    ax.set_xticks([], minor=True)


def _history_lines(
    histories: Mapping[str, pd.DataFrame], column: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    lines = {}
    for name, history in histories.items():
        if column in history and history[column].notna().any():
            known = history[history[column].notna()]
            lines[name] = (known["epoch"].to_numpy(), known[column].to_numpy(dtype=float))
    if not lines:
        found = sorted({name for history in histories.values() for name in history.columns})
        raise ValueError(
            f"no history has values in the column {column!r}: the columns are {', '.join(found)}."
        )
    return lines


def _grid(n: int) -> tuple[int, int]:
    """Rows and panels a row for n panels: at most three a row, rows evenly filled."""
    rows = -(-n // 3)
    return rows, -(-n // rows)


def _label_line_ends(ax: Axes) -> None:
    """Write each line's label right of its last point, moved apart where labels would collide."""
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    ax.margins(x=0.04)
    ax.autoscale_view()
    height = ax.get_position().height * ax.figure.get_size_inches()[1]
    # Labels of 9 points need 11 points of room each; some of the height goes to the axis labels.
    gap = 11 / (72 * max(height, 1.0) * 0.9)
    ends = np.array([_last_height(ax, line) for line in lines], dtype=float)
    for line, y in zip(lines, spread(ends, gap), strict=True):
        ax.annotate(
            line.get_label(),
            xy=(1.0, y),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            color=readable(line.get_color()),
            fontsize=9,
            va="center",
            annotation_clip=False,
        )


def _last_height(ax: Axes, line: Line2D) -> float:
    """Height of a line's last drawn point, as a fraction of the axes."""
    y = np.asarray(line.get_ydata(), dtype=float)
    drawn = y[np.isfinite(y) & ((y > 0) | (ax.get_yscale() != "log"))]
    last = drawn[-1] if len(drawn) else ax.get_ylim()[0]
    return float((ax.transScale + ax.transLimits).transform((ax.get_xlim()[1], last))[1])


def spread(
    values: np.ndarray, gap: float, low: float = -np.inf, high: float = np.inf
) -> np.ndarray:
    """Values moved as little as needed to be `gap` apart and within bounds, in the same order."""

    def start(block: list[int]) -> float:
        """First place of a run of touching labels, centered on the mean of what they want."""
        length = gap * (len(block) - 1)
        return max(low, min(float(values[block].mean()) - length / 2, high - length))

    blocks: list[list[int]] = []
    for index in np.argsort(values, kind="stable").tolist():
        blocks.append([index])
        while len(blocks) > 1 and start(blocks[-1]) < start(blocks[-2]) + gap * len(blocks[-2]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    result = np.empty(len(values))
    for block in blocks:
        result[block] = start(block) + gap * np.arange(len(block))
    return result
