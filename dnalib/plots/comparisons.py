"""Comparisons: methods, filters, categories beside each other."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Transform, offset_copy
from numpy.typing import ArrayLike

from dnalib.clustering import assign_clusters
from dnalib.plots.curves import spread
from dnalib.plots.style import (
    AXIS_LABELS,
    DARK,
    FILTER_COLORS,
    GRAY,
    MAX_NAMED_ROWS,
    OKABE_ITO,
    filter_key,
    named_colors,
    plain,
    readable,
    require_at_most,
    require_columns,
    set_figure_title,
    set_title,
)


def composition(
    fine: ArrayLike,
    parents: ArrayLike,
    coarse_names: Sequence[str],
    *,
    title: str | None = None,
) -> Figure:
    """One bar a coarse category, cut into its fine categories from the largest to the smallest.

    Parameters
    ----------
    fine : array_like of int, shape (n,)
        Fine category of each sample.
    parents : array_like of int, shape (n_fine,)
        Coarse category of each fine one.
    coarse_names : sequence of str
        Name of each coarse category.
    title : str, optional
        What the bars show.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a fine category has no parent.
    """
    fine, parents = np.asarray(fine), np.asarray(parents)
    if fine.min() < 0 or fine.max() >= len(parents):
        raise ValueError(
            f"fine labels run from {fine.min()} to {fine.max()}, but there are {len(parents)} "
            "parents: give the parent of every fine category."
        )
    sizes = np.bincount(fine, minlength=len(parents))
    fig, ax = plt.subplots(figsize=(8.5, 1.3 + 0.36 * len(coarse_names)), layout="constrained")
    for row in range(len(coarse_names)):
        ordered = np.sort(sizes[(parents == row) & (sizes > 0)])[::-1]
        starts = np.cumsum(ordered) - ordered
        ax.barh(
            row, ordered, left=starts, height=0.72, color=OKABE_ITO[row % len(OKABE_ITO)],
            edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        ax.annotate(
            f"{len(ordered)} fine", (ordered.sum(), row), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=9, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(range(len(coarse_names)), [plain(name) for name in coarse_names])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.set(xlabel="Texts (each segment is one fine category)")
    set_figure_title(fig, title)
    return fig


def filter_bars(frame: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Precision and share of neighbors kept, one bar a combination of filters.

    Parameters
    ----------
    frame : DataFrame
        Columns ``filters`` (as `filter_key` names them, or tuples of filters), ``precision`` and
        ``kept_share``, both between 0 and 1. Rows are drawn in their order, from the top.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(frame, ("filters", "precision", "kept_share"))
    keys = [name if isinstance(name, str) else filter_key(name) for name in frame["filters"]]
    colors = [FILTER_COLORS.get(key, GRAY) for key in keys]
    height = 1.3 + 0.34 * len(frame)
    fig, axes = plt.subplots(1, 2, figsize=(9, height), sharey=True, layout="constrained")
    for ax, column in zip(axes, ("precision", "kept_share"), strict=True):
        percent = 100 * frame[column].to_numpy(dtype=float)
        bars = ax.barh(range(len(frame)), percent, color=colors, height=0.72)
        # A share of 0.03 is not 0.0.
        values = [f"{value:.1f}" if not 0 < value < 0.1 else f"{value:.1g}" for value in percent]
        ax.bar_label(bars, labels=values, padding=3, fontsize=9)
        ax.set(xlim=(0, 112), xticks=range(0, 101, 20), xlabel=f"{AXIS_LABELS[column]} (%)")
    axes[0].set_yticks(range(len(frame)), [plain(key).replace("+", " + ") for key in keys])
    axes[0].invert_yaxis()
    axes[1].tick_params(left=False)
    set_figure_title(fig, title)
    return fig


def score_dots(
    frame: pd.DataFrame,
    scores: Sequence[str] = ("acc", "ari", "nmi"),
    *,
    title: str | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Scores of several runs: the mean of each as a dot, its values as a line from min to max.

    Unlike bars, dots need no axis from zero, and the line shows which differences to believe.

    Parameters
    ----------
    frame : DataFrame
        Columns ``run`` and `scores`; one row a seed. Runs are drawn in their order, from the top.
    scores : sequence of str
        Columns to show, one panel each.
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
        If a column is missing.
    """
    require_columns(frame, ("run", *scores))
    groups = frame.groupby("run", sort=False)[list(scores)]
    means, lows, highs = groups.mean(), groups.min(), groups.max()
    color_of = list(named_colors(list(means.index), colors).values())
    places = np.arange(len(means))
    fig, axes = plt.subplots(
        1, len(scores), figsize=(10, 1.4 + 0.34 * len(means)), sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for ax, score in zip(axes.flat, scores, strict=True):
        ax.hlines(places, lows[score], highs[score], colors=color_of, linewidth=2.5, alpha=0.5)
        ax.scatter(means[score], places, c=color_of, s=55, zorder=3)
        ax.set(xlabel=AXIS_LABELS.get(score, score))
        ax.grid(True, axis="x")
        ax.margins(x=0.12)
        ax.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(places, [plain(name).replace("+", " + ") for name in means.index])
    axes[0, 0].set_ylim(len(means) - 0.5, -0.5)
    if frame["run"].duplicated().any():
        fig.supxlabel("Dots: means; lines: from the worst to the best seed", fontsize=9)
    set_figure_title(fig, title)
    return fig


def score_bars(
    frame: pd.DataFrame,
    scores: Mapping[str, str],
    *,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Bars of the mean score of each method, with a line from the worst to the best seed.

    Parameters
    ----------
    frame : DataFrame
        Columns ``method``, those of `scores` (in percent) and, for a row of panels each,
        ``dataset``; one row a seed. Methods are drawn in their order, from the top.
    scores : mapping of str to str
        Columns to show, one panel each, and what they are called.
    names : mapping of str to str, optional
        What methods are called.
    title : str, optional
        Title of the figure.
    references : mapping of str to mapping of str to float, optional
        For a column, scores to compare with by dataset, each a dashed line.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(frame, ("dataset", "method", *scores))
    sets, methods = frame["dataset"].unique(), frame["method"].unique()
    colors = named_colors(list(methods))
    height = (0.9 + 0.26 * len(methods)) * len(sets) + 0.5
    fig, axes = plt.subplots(
        len(sets), len(scores), figsize=(9.5, height), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for line, dataset in zip(axes, sets, strict=True):
        part = frame[frame["dataset"] == dataset]
        groups = part.groupby("method", sort=False)[list(scores)]
        means, lows, highs = groups.mean(), groups.min(), groups.max()
        places = np.arange(len(means))
        for ax, column in zip(line, scores, strict=True):
            ax.barh(places, means[column], height=0.7, color=[colors[m] for m in means.index])
            # White below, so that a line shows on a dark bar as well.
            for color, width in (("white", 3.4), (DARK, 1.4)):
                ax.hlines(places, lows[column], highs[column], color=color, linewidth=width)
            reference = (references or {}).get(column, {}).get(dataset)
            if reference is not None:
                ax.axvline(reference, color=DARK, linestyle="--", linewidth=1)
            ax.set(xlim=(0, 100), yticks=[], ylim=(len(means) - 0.5, -0.5))
            set_title(ax, dataset if ax is line[0] and len(sets) > 1 else None, share=0.5)
        line[0].set_yticks(places, [plain((names or {}).get(m, m)) for m in means.index])
        line[0].tick_params(axis="y", length=0)
    for ax, label in zip(axes[-1], scores.values(), strict=True):
        ax.set_xlabel(label)
    fig.get_layout_engine().set(wspace=0.06)  # or 100 would touch the 0 of the next panel
    if frame.duplicated(["dataset", "method"]).any():
        fig.supxlabel("Bars: means; lines: from the worst to the best seed", fontsize=9)
    set_figure_title(fig, title)
    return fig


def stacked_shares(frame: pd.DataFrame, *, xlabel: str, title: str | None = None) -> Figure:
    """One bar a row, cut into shares that add up to 1; rows of one group stand together.

    Parameters
    ----------
    frame : DataFrame
        Shares in [0, 1], a column a part, eight at most; the index has two levels, group and bar.
    xlabel : str
        What is shared out, in percent.
    title : str, optional
        What the bars show.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a row does not add up to 1 or there are more than eight parts.
    """
    require_at_most(len(OKABE_ITO), len(frame.columns), "parts")
    sums = frame.sum(axis=1)
    if not np.allclose(sums, 1):
        worst = (sums - 1).abs().idxmax()
        raise ValueError(
            f"the shares of {worst} add up to {sums[worst]:.3g}: expected 1; divide by their sum"
        )
    groups = frame.index.get_level_values(0)
    places = np.arange(len(frame)) + 0.5 * (pd.factorize(groups)[0])
    fig, ax = plt.subplots(figsize=(9, 1.9 + 0.4 * places[-1]), layout="constrained")
    starts = 100 * (frame.cumsum(axis=1) - frame)
    for color, part in zip(OKABE_ITO, frame, strict=False):
        ax.barh(
            places, 100 * frame[part], left=starts[part], height=0.75, color=color,
            edgecolor="white", label=plain(part),
        )  # fmt: skip
    ax.set_yticks(places, [plain(f"{group}: {bar}") for group, bar in frame.index])
    ax.set(xlim=(0, 100), xlabel=xlabel, ylim=(places[-1] + 0.6, -0.6))
    ax.tick_params(axis="y", length=0)
    fig.legend(loc="outside lower center", ncols=len(frame.columns))
    set_title(ax, title)
    return fig


def difference_dots(
    frame: pd.DataFrame,
    *,
    against: str | None = None,
    score: str = "ACC",
    title: str | None = None,
) -> Figure:
    """Differences from one method, or each from its own; dots with intervals, 0 is no difference.

    Parameters
    ----------
    frame : DataFrame
        Columns ``method``, ``difference``, ``low`` and ``high`` in points; drawn from the top.
    against : str, optional
        What all are compared with. If not given, the frame has a column ``baseline`` that says it
        of each.
    score : str, default "ACC"
        Of which score.
    title : str, optional
        What the differences show.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    columns = ("method", "difference", "low", "high")
    require_columns(frame, columns if against else (*columns, "baseline"))
    names, other = frame["method"], against
    if not against:
        names, other = names + " less " + frame["baseline"], "its baseline"
    fig, ax = plt.subplots(figsize=(7.5, 1.3 + 0.34 * len(frame)), layout="constrained")
    color_of = named_colors(frame["method"].unique())
    colors = [color_of[method] for method in frame["method"]]
    places = np.arange(len(frame))
    ax.axvline(0, color=DARK, linewidth=1)
    ax.hlines(places, frame["low"], frame["high"], colors=colors, linewidth=2.5, alpha=0.5)
    ax.scatter(frame["difference"], places, c=colors, s=55, zorder=3)
    ax.set_yticks(places, [plain(name) for name in names])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")
    ax.set_xlabel(plain(f"{score} less that of {other} (points; lines: 95 % intervals)"))
    set_title(ax, title)
    return fig


def score_time(
    frame: pd.DataFrame,
    score: str = "acc",
    *,
    title: str | None = None,
    ax: Axes | None = None,
    references: Mapping[str, float] | None = None,
) -> Figure:
    """Score against seconds, every method named beside its point.

    Parameters
    ----------
    frame : DataFrame
        Columns ``method``, ``seconds`` (positive) and `score`. Several rows of one method (seeds)
        are joined to their mean.
    score : str, default "acc"
        The column to show.
    title : str, optional
        What the comparison shows.
    ax : Axes, optional
        Where to draw; by default a new figure.
    references : mapping of str to float, optional
        Scores to compare with that have no time of their own, each a dashed line with its name.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or a time is not positive.
    """
    require_columns(frame, ("method", "seconds", score))
    if not (frame["seconds"] > 0).all():
        raise ValueError(
            f"seconds go down to {frame['seconds'].min()}, but a logarithmic axis needs positive "
            "times: give measured seconds."
        )
    means = frame.groupby("method", sort=False)[["seconds", score]].mean()
    if ax is None:
        width, height = plt.rcParams["figure.figsize"]
        room_for_names = 1.2 + 0.33 * len(means)
        _, ax = plt.subplots(figsize=(width, max(height, room_for_names)), layout="constrained")
    colors = list(named_colors(list(means.index)).values())
    ax.scatter(means["seconds"], means[score], c=colors, s=70, zorder=4)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(True)
    ax.set(xlabel="Seconds (logarithmic)", ylabel=AXIS_LABELS.get(score, score))
    ax.margins(x=0.08, y=0.14)
    for name, value in (references or {}).items():
        ax.axhline(value, color=DARK, linestyle="--", linewidth=1, zorder=1)
        ax.annotate(
            plain(name), (0, value), xycoords=("axes fraction", "data"), xytext=(4, 3),
            textcoords="offset points", color=DARK, fontsize=9,
        )  # fmt: skip
    _label_points(ax, means["seconds"], means[score], means.index, colors)
    set_title(ax, title)
    return ax.figure


def _label_points(
    ax: Axes, x: pd.Series, y: pd.Series, names: Sequence[str], colors: Sequence[str]
) -> None:
    low, high = ax.get_ylim()
    gap = (high - low) * 12 / (72 * 0.75 * ax.figure.get_size_inches()[1])
    for name, at_x, at_y, label_y, color in zip(
        names, x, y, spread(y.to_numpy(dtype=float), gap), colors, strict=True
    ):
        ax.annotate(
            plain(name),
            xy=(at_x, at_y),
            xytext=(at_x, label_y),
            textcoords=_right_of(ax, 8),
            color=readable(color),
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8},
            path_effects=[withStroke(linewidth=3, foreground="white")],  # over lines and points
        )


def _right_of(ax: Axes, points: float) -> Transform:
    """Data coordinates moved right by some points."""
    return offset_copy(ax.transData, fig=ax.figure, x=points, y=0, units="points")


def confusion(
    true: ArrayLike,
    predicted: ArrayLike,
    names: Sequence[str],
    *,
    parents: ArrayLike | None = None,
    coarse_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Share of each fine category in each cluster, clusters matched, ordered by coarse category.

    A good clustering shows a dark diagonal; what lies off it inside a frame was confused within its
    coarse category, what lies outside crossed a coarse boundary.

    Parameters
    ----------
    true : array_like of int, shape (n,)
        Fine category of each sample.
    predicted : array_like of int, shape (n,)
        Cluster of each sample. Clusters are matched by `assign_clusters`; those left over stand
        last.
    names : sequence of str
        Name of each fine category. Rows are named up to 80 categories.
    parents : array_like of int, shape (len(names),), optional
        Coarse category of each fine one: orders the rows and frames the blocks.
    coarse_names : sequence of str, optional
        Names of the coarse categories, written beside their blocks.
    title : str, optional
        What the matrix shows.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the labels do not pair up or a category has no name.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    mapping = assign_clusters(true, predicted)
    if true.min() < 0 or true.max() >= len(names):
        raise ValueError(
            f"true labels run from {true.min()} to {true.max()}, but there are {len(names)} names: "
            "give a name for every fine category."
        )
    parents = np.zeros(len(names), dtype=int) if parents is None else np.asarray(parents)
    rows = _coarse_ordered(np.unique(true), parents)
    has_cluster = np.isin(rows, list(mapping.values()))
    columns = _matched_columns(rows, mapping, np.unique(predicted))
    shares = np.array([[np.mean(predicted[true == r] == c) for c in columns] for r in rows])

    named = len(rows) <= MAX_NAMED_ROWS
    side = float(np.clip(0.13 * len(rows), 4.0, 9.0))
    fig, ax = plt.subplots(figsize=(side + 3.2, side + 0.9), layout="constrained")
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    fig.colorbar(image, ax=ax, label="Share of the category", shrink=0.6, pad=0.02)
    ax.set(xticks=[], xlabel="Clusters, in the order of the categories they are matched to")
    ax.spines[:].set_visible(True)
    fontsize = float(np.clip(72 * side / len(rows) * 0.75, 5, 9))
    shown = rows if named else []
    ax.set_yticks(range(len(shown)), [plain(names[r]) for r in shown])
    ax.tick_params(axis="y", length=0, labelsize=fontsize)
    _frame_blocks(ax, parents[rows], has_cluster, coarse_names, left=not named)
    set_title(ax, title)
    return fig


def _coarse_ordered(categories: np.ndarray, parents: np.ndarray) -> np.ndarray:
    return categories[np.lexsort((categories, parents[categories]))]


def _matched_columns(rows: np.ndarray, mapping: dict, clusters: np.ndarray) -> list[int]:
    cluster_of = {category: cluster for cluster, category in mapping.items()}
    matched = [cluster_of[row] for row in rows.tolist() if row in cluster_of]
    return matched + [cluster for cluster in clusters.tolist() if cluster not in mapping]


def _frame_blocks(
    ax: Axes,
    block_of_row: np.ndarray,
    has_cluster: np.ndarray,
    coarse_names: Sequence[str] | None,
    left: bool,
) -> None:
    """Frame the rows of each parent with the clusters matched to them, and name the parent."""
    starts = np.flatnonzero(np.r_[True, block_of_row[1:] != block_of_row[:-1]])
    if len(starts) < 2:
        return
    column_before = np.r_[0, np.cumsum(has_cluster)]
    place = {"x": -0.01, "ha": "right"} if left else {"x": 1.01, "ha": "left"}
    for start, stop in zip(starts, [*starts[1:], len(block_of_row)], strict=True):
        corner = (column_before[start] - 0.5, start - 0.5)
        width = column_before[stop] - column_before[start]
        ax.add_patch(
            plt.Rectangle(corner, width, stop - start, fill=False, edgecolor=DARK, linewidth=0.9)
        )
        if coarse_names is not None:
            ax.text(
                y=(start + stop - 1) / 2,
                s=plain(coarse_names[block_of_row[start]]),
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=9,
                fontweight="bold",
                **place,
            )
