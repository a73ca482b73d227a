"""Maps: features in the plane, colored and named by category."""

import warnings
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from dnalib.plots.curves import spread
from dnalib.plots.style import (
    LABEL_HEIGHT,
    MARKERS,
    MAX_LEGEND,
    NO_CATEGORY_COLOR,
    OKABE_ITO,
    category_colors,
    plain,
    readable,
    set_figure_title,
    set_title,
)
from dnalib.search import search


def project(features: ArrayLike, seed: int = 0, n_neighbors: int = 15) -> np.ndarray:
    """Coordinates in the plane by UMAP (McInnes et al. 2018), with cosine distance.

    Distances between far groups of a UMAP mean little: read from it who is whose neighbor.

    Parameters
    ----------
    features : array_like, shape (n, d)
        At least five rows.
    seed : int, default 0
        The same seed gives the same map; UMAP then runs on one core (6 s to compile itself on
        first use in a process, then 2 s for 3,000 rows).
    n_neighbors : int, default 15
        Small values show detail, large ones the overall shape. At most n - 1 are used.

    Returns
    -------
    ndarray of float32, shape (n, 2)

    Raises
    ------
    ValueError
        If there are fewer than five rows.
    """
    features = np.asarray(features)
    if features.ndim != 2 or len(features) < 5:
        raise ValueError(
            f"features have shape {features.shape}, but UMAP needs a matrix of at least 5 rows: "
            "give more samples."
        )
    n_neighbors = min(n_neighbors, len(features) - 1)
    with warnings.catch_warnings():
        # TensorFlow is not wanted, one thread is what a fixed seed asks for, and nothing will be
        # transformed later.
        warnings.filterwarnings("ignore", message="Tensorflow not installed")
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")
        # UMAP imports in seconds, which those who draw no map need not wait for.
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=n_neighbors,
            min_dist=0.1,
            metric="cosine",
            # UMAP's own number for large data. Its 500 for small data takes twice as long, for
            # maps whose neighbors agree with the fine labels just as well.
            n_epochs=200,
            random_state=seed,
            n_jobs=1,
            # UMAP's own search compiles itself for 5 s in every process.
            precomputed_knn=_with_itself(features, n_neighbors),
        )
        return reducer.fit_transform(features)


def _with_itself(features: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(n, n_neighbors)`` indices and cosine distances, each row itself first."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.ascontiguousarray(features / np.where(lengths > 0, lengths, 1), dtype=np.float32)
    found = search(unit, n_neighbors - 1)
    indices = np.insert(found.indices, 0, np.arange(len(unit)), axis=1)
    distances = np.insert(np.clip(1 - found.similarities, 0, None), 0, 0, axis=1)
    return indices, distances


def scatter_map(
    xy: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    legend: bool | None = None,
    colors: Sequence[str] | None = None,
) -> Figure:
    """Map of samples colored by category, the legend beside it.

    Parameters
    ----------
    xy : array_like, shape (n, 2)
        Coordinates, e.g. from `project`.
    labels : array_like of int, shape (n,)
        Category of each sample; -1 is drawn gray and behind.
    names : sequence of str
        Name of each category. From the ninth on, the marker changes as well as the color.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str, optional
        What the map shows.
    legend : bool, optional
        Whether to name the categories beside the map; by default up to 24 of them. For more use
        `labeled_map`.
    colors : sequence of str, optional
        Color of each category; by default `category_colors`, e.g. with parents.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or a label has no name.
    """
    xy, labels = checked_map(xy, labels, names)
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 5.2), layout="constrained")
    handles = _draw_points(ax, xy, labels, names, colors)
    set_title(ax, title)
    if _wants_legend(legend, handles):
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax.figure


def before_after(
    xy_a: ArrayLike,
    xy_b: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    titles: tuple[str, str] = ("Before training", "After training"),
    title: str | None = None,
    colors: Sequence[str] | None = None,
    legend: bool | None = None,
    parents: ArrayLike | None = None,
    parent_names: Sequence[str] | None = None,
) -> Figure:
    """Two maps of the same samples side by side, with one legend below.

    Parameters
    ----------
    xy_a, xy_b : array_like, shape (n, 2)
        Coordinates before and after.
    labels : array_like of int, shape (n,)
        Category of each sample; -1 is drawn gray and behind.
    names : sequence of str
        Name of each category.
    titles : pair of str
        Title of each map.
    title : str, optional
        Title of the figure: what changed.
    colors : sequence of str, optional
        Color of each category; by default `category_colors`.
    legend : bool, optional
        Whether to name the categories; by default up to 24 of them.
    parents, parent_names : sequence, optional
        Coarse category of each category, and the names of those: categories are then shades of
        their parents' colors, and the legend names the parents. From the ninth parent on, the
        marker changes as well as the color.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        As `scatter_map`.
    """
    if colors is None and parents is not None:
        colors = category_colors(len(names), parents)
    fig, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
    for ax, xy, panel_title in zip(axes, (xy_a, xy_b), titles, strict=True):
        xy, checked = checked_map(xy, labels, names)
        handles = _draw_points(ax, xy, checked, names, colors, parents)
        set_title(ax, panel_title, share=0.5)
    if parent_names is not None:
        handles = _parent_handles(parent_names)
    if _wants_legend(legend, handles):
        _legend_below(fig, handles)
    set_figure_title(fig, title)
    return fig


def _parent_handles(parent_names: Sequence[str]) -> list[Line2D]:
    n = len(parent_names)
    return legend_handles(parent_names, category_colors(n, np.arange(n)))


def _legend_below(fig: Figure, handles: Sequence[Line2D]) -> None:
    longest = max(len(handle.get_label()) for handle in handles)
    letters = 11 * fig.get_size_inches()[0]
    columns = max(1, min(len(handles), int(letters / (longest + 6))))
    fig.legend(handles=handles, loc="outside lower center", ncols=columns)


def two_colorings(
    maps: Mapping[str, ArrayLike],
    labels: Mapping[str, tuple[ArrayLike, Sequence[str]]],
    *,
    title: str | None = None,
) -> Figure:
    """Maps of the same samples, each drawn once for every set of labels.

    Parameters
    ----------
    maps : mapping of str to array_like, shape (n, 2)
        Coordinates by the name of the features: a row each.
    labels : mapping of str to (array_like of int (n,), sequence of str)
        Labels and their names, by what they are of: a column each.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
    """
    fig, axes = plt.subplots(
        len(maps), len(labels), figsize=(4.9 * len(labels), 3.4 * len(maps)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for line, (features, xy) in zip(axes, maps.items(), strict=True):
        for ax, (of, (ids, names)) in zip(line, labels.items(), strict=True):
            is_last = ax in axes[-1]
            scatter_map(xy, ids, names, ax=ax, legend=False)
            set_title(ax, f"{features}, colored by {of}", share=0.45)
            if is_last and len(names) <= MAX_LEGEND:
                ax.legend(
                    handles=legend_handles(names), loc="upper center", bbox_to_anchor=(0.5, 0.0),
                    ncols=min(5, len(names)) if max(map(len, names)) < 9 else 2,
                    handletextpad=0.2, columnspacing=1.0,
                )  # fmt: skip
    set_figure_title(fig, title)
    return fig


def labeled_map(
    xy: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    title: str | None = None,
    parents: ArrayLike | None = None,
    parent_names: Sequence[str] | None = None,
    max_labels: int = 60,
    figsize: tuple[float, float] = (11.0, 8.0),
) -> Figure:
    """Map of categories, each named in the margin with a line to the middle of its samples.

    The names stand in a column at either side, so that they cover neither samples nor each other.

    Parameters
    ----------
    xy : array_like, shape (n, 2)
        Coordinates, e.g. from `project`.
    labels : array_like of int, shape (n,)
        Category of each sample; -1 is drawn gray and unnamed.
    names : sequence of str
        Name of each category.
    title : str, optional
        What the map shows.
    parents : array_like of int, shape (len(names),), optional
        Coarse category of each category: its fine ones are then shades of one color. From the
        ninth on, the marker changes as well as the color.
    parent_names : sequence of str, optional
        Names of the coarse categories, for a legend of their colors below the map.
    max_labels : int, default 60
        Only the largest categories are named; all are colored. 60 suits the default size.
    figsize : pair of float
        Inches. A name takes 0.16 inches of height in its column.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit, a label has no name, or more labels are asked for than fit.
    """
    xy, labels = checked_map(xy, labels, names)
    room = 2 * int((figsize[1] - 1) / LABEL_HEIGHT)
    n_named = min(max_labels, len(np.unique(labels[labels >= 0])))
    if n_named > room:
        raise ValueError(
            f"{n_named} names are asked for, but a figure {figsize[1]:g} inches high has room for "
            f"{room} names: name fewer categories or make the figure higher."
        )
    colors = category_colors(len(names), parents)
    fig, ax = plt.subplots(figsize=figsize, layout="constrained")
    _draw_points(ax, xy, labels, names, colors, parents)
    ax.set_aspect("auto")
    named = _largest_categories(labels, max_labels)
    middles = {c: _middle_sample(xy[labels == c]) for c in named}
    from_left = sorted(named, key=lambda c: middles[c][0])
    half = (len(from_left) + 1) // 2
    for side, column in ((0.0, from_left[:half]), (1.0, from_left[half:])):
        _label_margin(ax, side, column, middles, names, colors)
    if parent_names is not None:
        _legend_below(fig, _parent_handles(parent_names))
    set_figure_title(fig, title)
    return fig


def _middle_sample(xy: np.ndarray) -> np.ndarray:
    """The sample nearest to the median, which itself may lie where there is none."""
    return xy[np.argmin(np.abs(xy - np.median(xy, axis=0)).sum(axis=1))]


def _label_margin(
    ax: Axes,
    side: float,
    column: Sequence[int],
    middles: Mapping[int, np.ndarray],
    names: Sequence[str],
    colors: Sequence[str],
) -> None:
    """Write the names of some categories beside the left (0) or right (1) edge of a map."""
    low, high = ax.get_ylim()
    gap = (high - low) * LABEL_HEIGHT / (ax.figure.get_size_inches()[1] - 1)
    heights = spread(np.array([middles[c][1] for c in column]), gap, low, high)
    for category, height in zip(column, heights, strict=True):
        color = colors[category]
        ax.annotate(
            plain(names[category]),
            xy=middles[category],
            xytext=(side, height),
            textcoords=ax.get_yaxis_transform(),
            ha="left" if side else "right",
            va="center",
            fontsize=8,
            color=readable(color),
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.6,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 0,
                # Lines start at the edge of the name that faces the map.
                "relpos": (0.0 if side else 1.0, 0.5),
                "zorder": 0,
            },
            annotation_clip=False,
        )


def checked_map(
    xy: ArrayLike, labels: ArrayLike, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays ``(n, 2)`` and ``(n,)``; a ValueError says what does not fit."""
    xy, labels = np.asarray(xy), np.asarray(labels)
    if xy.ndim != 2 or xy.shape[1] != 2 or labels.shape != (len(xy),) or not len(xy):
        raise ValueError(
            f"xy has shape {xy.shape} and labels {labels.shape}, but (n, 2) and (n,) are needed: "
            "give two coordinates and one label per sample."
        )
    if labels.min() < -1 or labels.max() >= len(names):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, but there are {len(names)} names: "
            "give a name for every label, or -1 for samples without one."
        )
    return xy, labels


def _draw_points(
    ax: Axes,
    xy: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    colors: Sequence[str] | None,
    parents: ArrayLike | None = None,
) -> list[Line2D]:
    """Scatter every category; return legend handles of those that occur.

    The palette repeats, over parents or without colors of the caller's own over categories, and
    the marker tells the rounds apart.
    """
    markers = [_marker(place) for place in range(len(names))]
    if parents is not None:
        markers = [_marker(parent) for parent in parents]
    elif colors is not None:
        markers = [MARKERS[0]] * len(names)
    colors = category_colors(len(names)) if colors is None else colors
    size = float(np.clip(9000 / len(xy), 3, 30))
    unlabeled = xy[labels < 0]
    ax.scatter(*unlabeled.T, s=size, color=NO_CATEGORY_COLOR, linewidths=0, zorder=1)
    handles = []
    for category in np.unique(labels[labels >= 0]):
        style = {"marker": markers[category], "color": colors[category]}
        members = xy[labels == category]
        ax.scatter(*members.T, s=size, alpha=0.75, linewidths=0, zorder=2, **style)
        label = plain(names[category])
        handles.append(Line2D([], [], linestyle="", markersize=6, label=label, **style))
    bare(ax)
    return handles


def _marker(place: int) -> str:
    return MARKERS[place // len(OKABE_ITO) % len(MARKERS)]


def legend_handles(names: Sequence[str], colors: Sequence[str] | None = None) -> list[Line2D]:
    """Handles of all categories as `scatter_map` draws them, or of parents with `colors`."""
    colors = category_colors(len(names)) if colors is None else colors
    return [
        Line2D(
            [], [], linestyle="", marker=_marker(place), markersize=6, label=plain(name),
            color=color,
        )
        for place, (name, color) in enumerate(zip(names, colors, strict=True))
    ]  # fmt: skip


def _wants_legend(legend: bool | None, handles: Sequence[Line2D]) -> bool:
    return 0 < len(handles) <= MAX_LEGEND if legend is None else legend


def bare(ax: Axes) -> None:
    """A projection has no units: leave out ticks and frame, keep the aspect of the distances."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_aspect("equal", adjustable="datalim")


def _largest_categories(labels: np.ndarray, limit: int) -> np.ndarray:
    categories, counts = np.unique(labels[labels >= 0], return_counts=True)
    return np.sort(categories[np.argsort(-counts, kind="stable")[:limit]])
