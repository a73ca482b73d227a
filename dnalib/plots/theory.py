"""The theory drawn: centers, gradient fields, bounds."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dnalib.plots.maps import bare
from dnalib.plots.style import (
    DARK,
    GRAY,
    OKABE_ITO,
    category_colors,
    named_colors,
    plain,
    set_figure_title,
    set_title,
)


def neighborhood_sketch(
    query: ArrayLike, positives: ArrayLike, others: ArrayLike, *, title: str | None = None
) -> Figure:
    """One query on the unit circle with its positives, the other keys and the positives' center.

    Parameters
    ----------
    query : array_like, shape (2,)
        Of unit length, as all other rows.
    positives : array_like, shape (p, 2)
    others : array_like, shape (m, 2)
        Keys that are no positives.
    title : str, optional
        What the sketch shows.

    Returns
    -------
    Figure
    """
    query, positives = np.asarray(query), np.asarray(positives)
    center = positives.mean(axis=0)
    fig, ax = plt.subplots(figsize=(6.6, 4.6), layout="constrained")
    ax.plot(*np.array([np.zeros(2), center]).T, color=GRAY, linewidth=1, linestyle=":")
    ax.plot(*np.array([query, center]).T, color=DARK, linewidth=1.4, label=r"$q-\bar h$")
    _circle(ax, positives, others)
    ax.plot(*query, "D", color=DARK, markersize=8, label="query $q$", zorder=4)
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    set_title(ax, title)
    return fig


def circle_fields(
    queries: ArrayLike,
    fields: Mapping[str, ArrayLike],
    positives: ArrayLike,
    others: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """Vector fields at queries on the unit circle, one panel each, all arrows to one scale.

    Parameters
    ----------
    queries : array_like, shape (n, 2)
        Where the arrows start.
    fields : mapping of str to array_like, shape (n, 2)
        Name of each panel to the vectors it draws.
    positives, others : array_like, shape (p, 2) and (m, 2)
        Keys that all queries share, as in `neighborhood_sketch`.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
    """
    queries = np.asarray(queries)
    fields = {name: np.asarray(vectors) for name, vectors in fields.items()}
    longest = max(np.linalg.norm(vectors, axis=1).max() for vectors in fields.values())
    scale = 0.75 / longest  # the longest arrow, in radii
    reach = 1.05 * max(np.abs(queries + scale * v).max() for v in fields.values())
    fig, axes = plt.subplots(
        1, len(fields), figsize=(3.5 * len(fields), 4.4), layout="constrained", squeeze=False
    )
    for ax, (name, vectors) in zip(axes.flat, fields.items(), strict=True):
        _circle(ax, positives, others)
        ax.quiver(
            *queries.T, *(scale * vectors).T, angles="xy", scale_units="xy", scale=1,
            color=OKABE_ITO[5], width=0.008, zorder=4,
        )  # fmt: skip
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
        set_title(ax, name, share=1 / len(fields))
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    set_figure_title(fig, title)
    return fig


def loss_around(
    angles: ArrayLike,
    terms: Mapping[str, ArrayLike],
    query: float,
    force: ArrayLike,
    positives: ArrayLike,
    others: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """A query on the circle with the force on it, and the terms of its loss all around the circle.

    Parameters
    ----------
    angles : array_like, shape (n,)
        Places of a query, in degrees, increasing.
    terms : mapping of str to array_like, shape (n,)
        Value of each term with the query there; each is drawn less its least value, so that
        shapes can be compared.
    query : float
        Where the query is now, in degrees.
    force : array_like, shape (2,)
        Downhill direction at the query.
    positives, others : array_like, shape (p, 2) and (m, 2)
        Keys, as in `neighborhood_sketch`.
    title : str, optional
        What is seen at this place.

    Returns
    -------
    Figure
    """
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9.4, 4.0), width_ratios=(1, 1.35), layout="constrained"
    )
    place = np.array([np.cos(np.deg2rad(query)), np.sin(np.deg2rad(query))])
    _circle(left, positives, others)
    left.plot(*place, "D", color=DARK, markersize=9, label="query $q$", zorder=4)
    left.annotate(
        "", place + np.asarray(force), place, zorder=5,
        arrowprops={"arrowstyle": "-|>", "color": OKABE_ITO[5], "linewidth": 2},
    )  # fmt: skip
    left.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
    left.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2)
    for (name, values), color in zip(terms.items(), category_colors(len(terms)), strict=True):
        values = np.asarray(values) - np.min(values)
        right.plot(angles, values, color=color, label=name)
        right.plot(query, np.interp(query, angles, values), "o", color=color)
    right.axvline(query, color=DARK, linewidth=1, linestyle=":")
    right.set(xlabel="Place of the query (degrees)", ylabel="Value above its own least")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    set_figure_title(fig, title)
    return fig


def _circle(ax: Axes, positives: ArrayLike, others: ArrayLike) -> None:
    """The unit circle with keys on it and the center of the positives inside."""
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, edgecolor="#CCCCCC", linewidth=1))
    positives = np.asarray(positives)
    style = {"linestyle": "", "zorder": 3}
    ax.plot(*np.asarray(others).T, "o", color=GRAY, markersize=5, label="other keys", **style)
    ax.plot(*positives.T, "o", color=OKABE_ITO[0], markersize=7, label="positives $h_p$", **style)
    center = positives.mean(axis=0)
    ax.plot(
        *center, "*", color=OKABE_ITO[1], markersize=14, label=r"their center $\bar h$", **style
    )
    bare(ax)
    ax.set_aspect("equal", adjustable="box")


def spokes(
    points: ArrayLike,
    centers: Mapping[str, ArrayLike],
    groups: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """Points joined to their centers (stars), one panel for each choice of centers.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    centers : mapping of str to array_like, shape (n, 2)
        Name of each panel to the center of every point.
    groups : array_like of int, shape (n,)
        Group of each point: its color.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
    """
    points, groups = np.asarray(points), np.asarray(groups)
    colors = np.array(category_colors(int(groups.max()) + 1))[groups]
    fig, axes = plt.subplots(
        1, len(centers), figsize=(4.2 * len(centers), 4.4), layout="constrained", squeeze=False
    )
    for ax, (name, of_point) in zip(axes.flat, centers.items(), strict=True):
        for point, center, color in zip(points, np.asarray(of_point), colors, strict=True):
            ax.plot(*np.array([point, center]).T, color=color, linewidth=1.2, zorder=1)
            ax.plot(*center, "*", color=color, markeredgecolor=DARK, markersize=11, zorder=3)
        ax.scatter(*points.T, c=colors, s=30, zorder=2)
        bare(ax)
        set_title(ax, name, share=1 / len(centers))
    set_figure_title(fig, title)
    return fig


def against(
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    ax: Axes | None = None,
    line: str = "y = x",
) -> Figure:
    """One or more quantities of the same samples against another, with the line of equality.

    Parameters
    ----------
    x : array_like, shape (n,)
    series : mapping of str to array_like, shape (n,)
        Quantities in the unit of `x`, by names that may hold formulas between dollar signs.
    xlabel, ylabel : str
        What the axes show, with units; formulas between dollar signs.
    title : str, optional
        What the figure shows.
    ax : Axes, optional
        Where to draw; by default a new figure.
    line : str, default "y = x"
        What the line of equality stands for, in the legend.

    Returns
    -------
    Figure
    """
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    x = np.asarray(x, dtype=float)
    size = float(np.clip(9000 / len(x), 3, 30))
    for (name, y), color in zip(series.items(), named_colors(list(series)).values(), strict=True):
        ax.scatter(x, np.asarray(y), s=size, alpha=0.5, linewidths=0, color=color, label=name)
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, ends, color=DARK, linewidth=1.2, linestyle="--", label=line)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles[:-1]:
        handle.set(sizes=[36], alpha=1)
    set_title(ax, title)
    return ax.figure


def boxes(
    series: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    title: str | None = None,
) -> Figure:
    """Distributions as horizontal boxes, from the top: quartiles, with whiskers from 5 to 95 %.

    Parameters
    ----------
    series : mapping of str to array_like, shape (n,)
        Name of each row to its values; missing ones are left out.
    xlabel : str
        What the values are, with units; formulas between dollar signs.
    title : str, optional
        What the boxes show.

    Returns
    -------
    Figure
    """
    values = [np.asarray(v, dtype=float) for v in series.values()]
    colors = named_colors(list(series)).values()
    fig, ax = plt.subplots(figsize=(7.0, 1.3 + 0.5 * len(series)), layout="constrained")
    values = [v[np.isfinite(v)] for v in values]
    drawn = ax.boxplot(
        values,
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 2},
    )
    for box, color in zip(drawn["boxes"], colors, strict=True):
        box.set(facecolor=color, edgecolor=color)
    ax.set_yticks(range(1, len(series) + 1), [plain(name).replace("+", " + ") for name in series])
    ax.invert_yaxis()
    ax.set(xlabel=xlabel)
    if np.concatenate(values).min(initial=0) == 0:  # none is negative
        ax.set_xlim(left=0)
    set_title(ax, title)
    return fig
