"""Neighbors drawn: the sketch of the filters, the profile of one query."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from dnalib.plots.maps import bare
from dnalib.plots.style import DARK, GRAY, OKABE_ITO, plain, set_figure_title, set_title


def neighbor_sketch(
    points: ArrayLike,
    indices: ArrayLike,
    keep: Mapping[str, ArrayLike],
    right: ArrayLike,
    names: Sequence[str],
    groups: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """A few named points on the unit circle, an arrow to every neighbor kept, one panel a filter.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Of unit length.
    indices : array_like of int, shape (n, k)
        Neighbors of each point.
    keep : mapping of str to array_like of bool, shape (n, k)
        Name of each panel to the neighbors it keeps; the others are dotted.
    right : array_like of bool, shape (n, k)
        Whether a neighbor belongs to the query's fine category: blue arrows, else vermilion ones.
    names : sequence of str
        Name of each point.
    groups : array_like of int, shape (n,)
        Coarse category of each point, 0 or 1: a circle or a square.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
    """
    points, indices, right = np.asarray(points), np.asarray(indices), np.asarray(right)
    fig, axes = plt.subplots(
        1, len(keep), figsize=(2.8 * len(keep), 2.9), layout="constrained", squeeze=False
    )
    for ax, (panel, kept) in zip(axes.flat, keep.items(), strict=True):
        for query, slot in np.ndindex(indices.shape):
            _arrow(
                ax, points[query], points[indices[query, slot]],
                right[query, slot], np.asarray(kept)[query, slot], bend=0.25 + 0.3 * slot,
            )  # fmt: skip
        for point, name, group in zip(points, names, np.asarray(groups), strict=True):
            ax.plot(
                *point, "os"[group % 2], markersize=14, markerfacecolor="white",
                markeredgecolor=DARK, zorder=4,
            )  # fmt: skip
            ax.text(*point, plain(name), ha="center", va="center_baseline", fontsize=9, zorder=5)
        bare(ax)
        ax.margins(0.14)
        set_title(ax, panel, share=1 / len(keep))
    handles = [
        Line2D([], [], color=OKABE_ITO[0], label="kept, same fine category"),
        Line2D([], [], color=OKABE_ITO[5], label="kept, another fine category"),
        Line2D([], [], color=GRAY, linestyle=":", label="filtered out"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    set_figure_title(fig, title)
    return fig


def _arrow(
    ax: Axes, start: np.ndarray, end: np.ndarray, right: bool, kept: bool, bend: float
) -> None:
    color = (OKABE_ITO[0] if right else OKABE_ITO[5]) if kept else GRAY
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": 1.5 if kept else 0.9,
            "linestyle": "-" if kept else ":",
            "shrinkA": 8,
            "shrinkB": 8,
            # Bent, so that the two directions of a pair are seen apart.
            "connectionstyle": f"arc3,rad={bend}",
            "zorder": 3 if kept else 2,
        },
    )


def neighbor_profile(
    similarities: ArrayLike,
    keep: ArrayLike,
    right: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """The neighbors of one query, most similar first: kept or not, right or wrong.

    Parameters
    ----------
    similarities : array_like, shape (k,)
        Inner products with the query.
    keep : array_like of bool, shape (k,)
        Whether the filters kept a neighbor: filled, else hollow.
    right : array_like of bool, shape (k,)
        Whether it belongs to the query's fine category: blue circles, else vermilion triangles.
    title : str, optional
        What the query shows.

    Returns
    -------
    Figure
    """
    similarities = np.asarray(similarities)
    keep, right = np.asarray(keep, dtype=bool), np.asarray(right, dtype=bool)
    ranks = np.arange(1, len(similarities) + 1)
    fig, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    ax.plot(ranks, similarities, color="#CCCCCC", linewidth=1, zorder=1)
    for is_kept, is_right in ((True, True), (True, False), (False, True), (False, False)):
        chosen = (keep == is_kept) & (right == is_right)
        color = OKABE_ITO[0] if is_right else OKABE_ITO[5]
        ax.scatter(
            ranks[chosen],
            similarities[chosen],
            marker="o" if is_right else "^",
            s=48,
            facecolor=color if is_kept else "white",
            edgecolor=color,
            label=f"{'kept' if is_kept else 'filtered out'}, {'same' if is_right else 'other'} "
            f"fine category ({chosen.sum()})",
            zorder=2,
        )
    ax.set(xlabel="Neighbor, most similar first", ylabel="Inner product with the query")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    set_title(ax, title)
    return fig


def filter_view(
    before: float,
    after: float,
    kept: float,
    similarities: ArrayLike,
    keep: ArrayLike,
    right: ArrayLike,
    name: str,
) -> Figure:
    """What filters do to all neighbors, and the neighbors of one query around it.

    Parameters
    ----------
    before, after : float
        Precision of all neighbors before and after filtering, in [0, 1]; ``after`` may be NaN.
    kept : float
        Share of the neighbors kept, in [0, 1].
    similarities : array_like, shape (k,)
        Inner products of one query with its neighbors, most similar first.
    keep, right : array_like of bool, shape (k,)
        Whether each of them is kept, and whether it is of the query's fine category.
    name : str
        The query's fine category.

    Returns
    -------
    Figure
    """
    fig, (bars, around) = plt.subplots(
        1, 2, figsize=(8.6, 3.7), width_ratios=(1, 1.25), layout="constrained"
    )
    shares = {"precision before": before, "precision after": after, "neighbors kept": kept}
    heights = np.nan_to_num(list(shares.values()))
    bars.barh(list(shares), heights, color=[GRAY, OKABE_ITO[0], OKABE_ITO[1]], height=0.6)
    for place, share in enumerate(shares.values()):
        text = "nothing is kept" if np.isnan(share) else f"{share:.1%}"
        bars.annotate(
            text, (np.nan_to_num(share), place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9,
        )  # fmt: skip
    bars.set(xlim=(0, 1.22), xticks=(0, 0.5, 1))
    bars.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    bars.invert_yaxis()
    bars.tick_params(axis="y", length=0)
    set_title(bars, "All texts", share=0.4)
    _draw_around(around, np.asarray(similarities), np.asarray(keep), np.asarray(right))
    n_right = int((np.asarray(keep) & np.asarray(right)).sum())
    set_title(around, f"One of {name}: {n_right} of {int(np.sum(keep))} kept are right", share=0.55)
    return fig


def _draw_around(ax: Axes, similarities: np.ndarray, keep: np.ndarray, right: np.ndarray) -> None:
    """The query in the middle, neighbors clockwise by rank, nearer the more similar they are."""
    radii = 1 - similarities
    radii = 0.25 + 0.75 * (radii - radii.min()) / max(np.ptp(radii), 1e-9)
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(radii)) / len(radii)
    places = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for place in places[keep]:
        ax.plot([0, place[0]], [0, place[1]], color="#CCCCCC", linewidth=1, zorder=1)
    for is_kept, is_right in ((True, True), (True, False), (False, True), (False, False)):
        chosen = (keep == is_kept) & (right == is_right)
        color = OKABE_ITO[0] if is_right else OKABE_ITO[5]
        label = f"{'kept' if is_kept else 'filtered out'}, {'right' if is_right else 'wrong'}"
        ax.scatter(
            *places[chosen].T, s=38, marker="o" if is_right else "^", edgecolor=color,
            facecolor=color if is_kept else "white", label=label, zorder=2,
        )  # fmt: skip
    ax.plot(0, 0, "D", color=DARK, markersize=8, zorder=3)
    bare(ax)
    ax.set_aspect("equal", adjustable="box")
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
