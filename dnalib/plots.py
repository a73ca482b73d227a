"""Figures: one small visual language for every notebook.

Call `use_style` once in a notebook. Every function draws what it is given, takes the finding to
state as `title`, and returns the figure (also when it drew into an `ax` of yours). Colors come from
Okabe & Ito's palette, which stays legible to color-blind readers; a method or a filter keeps its
color in every figure.
"""

import textwrap
import warnings
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colors as mcolors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Transform, offset_copy
from numpy.typing import ArrayLike

from dnalib.clustering import assign_clusters

OKABE_ITO = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # green
    "#CC79A7",  # purple
    "#56B4E9",  # sky
    "#D55E00",  # vermilion
    "#000000",  # black
    "#F0E442",  # yellow
)
GRAY = "#999999"
DARK = "#333333"

METHOD_COLORS = {
    "bow": GRAY,
    "embeddings": "#009E73",
    "coarse-ce": "#E69F00",
    "dna": "#0072B2",
    "published": "#000000",
    "wscl": "#56B4E9",
    "down": "#CC79A7",
}

FILTER_COLORS = {
    "none": GRAY,
    "label": "#56B4E9",
    "reciprocal": "#E69F00",
    "rank": "#CC79A7",
    "label+reciprocal": "#0072B2",
    "label+rank": "#009E73",
    "reciprocal+rank": "#D55E00",
    "label+reciprocal+rank": "#000000",
}

AXIS_LABELS = {
    "loss": "Loss",
    "loss_dna": "DNA loss",
    "loss_ce": "Coarse cross-entropy",
    "precision_retrieved": "Precision before filtering",
    "precision": "Neighbor precision",
    "recall": "Neighbor recall",
    "kept_share": "Neighbors kept",
    "acc": "ACC (%)",
    "ari": "ARI (%)",
    "nmi": "NMI (%)",
    "seconds": "Seconds",
}

# No squares or crosses: Matplotlib snaps their edges to pixels, and small ones vanish.
MARKERS = ("o", "^", "D", "v")
MAX_NAMED_ROWS = 80
MAX_LEGEND = 24
LABEL_HEIGHT = 0.16  # inches from one name in a column to the next


# --- style and colors ----------------------------------------------------------------------------


def use_style() -> None:
    """Set Matplotlib's defaults for the notebooks: sizes, spines, layout, resolution, colors."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 4.3),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "savefig.dpi": 150,
            "savefig.bbox": "tight",
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "figure.titlesize": 12,
            "figure.titleweight": "bold",
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=OKABE_ITO),
            "axes.axisbelow": True,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.6,
            "lines.linewidth": 1.8,
        }
    )


def filter_key(filters: Sequence[str]) -> str:
    """Name of a combination of filters as `FILTER_COLORS` knows it.

    Parameters
    ----------
    filters : sequence of str
        Any of ``"label"``, ``"reciprocal"``, ``"rank"``, in any order.

    Returns
    -------
    str
        E.g. ``"label+rank"``, or ``"none"``.

    Raises
    ------
    ValueError
        If a name is not one of the three filters.

    Examples
    --------
    >>> filter_key(("rank", "label"))
    'label+rank'
    """
    order = ("label", "reciprocal", "rank")
    unknown = [name for name in filters if name not in order]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is not a filter: expected names among {', '.join(order)}."
        )
    return "+".join(name for name in order if name in filters) or "none"


def category_colors(n: int, parents: ArrayLike | None = None) -> list[str]:
    """Colors of n categories, as hex strings.

    Parameters
    ----------
    n : int
        Number of categories.
    parents : array_like of int, shape (n,), optional
        Coarse category of each. When given, the fine categories of a coarse one are shades of its
        color; otherwise the palette repeats after eight categories.

    Returns
    -------
    list of str
    """
    if parents is None:
        return [OKABE_ITO[i % len(OKABE_ITO)] for i in range(n)]
    parents = np.asarray(parents)
    colors = [""] * n
    for coarse in np.unique(parents):
        members = np.flatnonzero(parents == coarse)
        base = OKABE_ITO[coarse % len(OKABE_ITO)]
        for member, shade in zip(members, _shades(base, len(members)), strict=True):
            colors[member] = shade
    return colors


def _shades(base: str, n: int) -> list[str]:
    """n mixtures of `base` from darkened to lightened; `base` itself for n = 1."""
    rgb = np.array(mcolors.to_rgb(base))
    levels = np.linspace(-0.35, 0.45, n) if n > 1 else [0.0]
    mixed = [rgb * (1 + s) if s < 0 else rgb + (1 - rgb) * s for s in levels]
    return [mcolors.to_hex(color) for color in mixed]


def _named_colors(names: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """The chosen color of each name, else that of its method or filter, else one still free."""
    known = FILTER_COLORS | METHOD_COLORS | dict(chosen or {})
    colors: dict[str, str] = {}
    for position, name in enumerate(names):
        free = [color for color in OKABE_ITO if color not in colors.values()]
        color = known.get(name)
        if color is None or (color in colors.values() and name not in (chosen or {})):
            color = free[0] if free else OKABE_ITO[position % len(OKABE_ITO)]
        colors[name] = color
    return colors


# --- maps ----------------------------------------------------------------------------------------


def project(features: ArrayLike, seed: int = 0, n_neighbors: int = 15) -> np.ndarray:
    """Coordinates in the plane by UMAP (McInnes et al. 2018), with cosine distance.

    Distances between far groups of a UMAP mean little: read from it who is whose neighbor.

    Parameters
    ----------
    features : array_like, shape (n, d)
        At least five rows.
    seed : int, default 0
        The same seed gives the same map; UMAP then runs on one core (some 8 s for 3,000 rows).
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
    with warnings.catch_warnings():
        # TensorFlow is not wanted, and one thread is what a fixed seed asks for.
        warnings.filterwarnings("ignore", message="Tensorflow not installed")
        warnings.filterwarnings("ignore", message="n_jobs value")
        # UMAP imports in seconds, which those who draw no map need not wait for.
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=min(n_neighbors, len(features) - 1),
            min_dist=0.1,
            metric="cosine",
            # UMAP's own number for large data. Its 500 for small data takes twice as long, for
            # maps whose neighbors agree with the fine labels just as well.
            n_epochs=200,
            random_state=seed,
            n_jobs=1,
        )
        return reducer.fit_transform(features)


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
    xy, labels = _checked_map(xy, labels, names)
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 5.2), layout="constrained")
    handles = _draw_points(ax, xy, labels, names, colors)
    _set_title(ax, title)
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
        their parents' colors, and the legend names the parents.

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
        xy, checked = _checked_map(xy, labels, names)
        handles = _draw_points(ax, xy, checked, names, colors)
        _set_title(ax, panel_title, share=0.5)
    if parent_names is not None:
        handles = _parent_handles(parent_names)
    if _wants_legend(legend, handles):
        _legend_below(fig, handles)
    _set_figure_title(fig, title)
    return fig


def _parent_handles(parent_names: Sequence[str]) -> list[Line2D]:
    style = {"linestyle": "", "marker": "o", "markersize": 6}
    return [
        Line2D([], [], label=name, color=color, **style)
        for name, color in zip(parent_names, category_colors(len(parent_names)), strict=True)
    ]


def _legend_below(fig: Figure, handles: Sequence[Line2D]) -> None:
    longest = max(len(handle.get_label()) for handle in handles)
    letters = 11 * fig.get_size_inches()[0]
    columns = max(1, min(len(handles), int(letters / (longest + 6))))
    fig.legend(handles=handles, loc="outside lower center", ncols=columns)


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
        Coarse category of each category: its fine ones are then shades of one color.
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
    xy, labels = _checked_map(xy, labels, names)
    room = 2 * int((figsize[1] - 1) / LABEL_HEIGHT)
    if max_labels > room:
        raise ValueError(
            f"max_labels={max_labels}, but a figure {figsize[1]:g} inches high has room for "
            f"{room} names: name fewer categories or make the figure higher."
        )
    colors = category_colors(len(names), parents)
    fig, ax = plt.subplots(figsize=figsize, layout="constrained")
    _draw_points(ax, xy, labels, names, colors)
    ax.set_aspect("auto")
    named = _largest_categories(labels, max_labels)
    middles = {c: _middle_sample(xy[labels == c]) for c in named}
    from_left = sorted(named, key=lambda c: middles[c][0])
    half = (len(from_left) + 1) // 2
    for side, column in ((0.0, from_left[:half]), (1.0, from_left[half:])):
        _label_margin(ax, side, column, middles, names, colors)
    if parent_names is not None:
        _legend_below(fig, _parent_handles(parent_names))
    _set_figure_title(fig, title)
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
    heights = _spread(np.array([middles[c][1] for c in column]), gap, low, high)
    for category, height in zip(column, heights, strict=True):
        color = colors[category]
        ax.annotate(
            names[category],
            xy=middles[category],
            xytext=(side, height),
            textcoords=ax.get_yaxis_transform(),
            ha="left" if side else "right",
            va="center",
            fontsize=8,
            color=_darkened(color),
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


def _checked_map(
    xy: ArrayLike, labels: ArrayLike, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
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
) -> list[Line2D]:
    """Scatter every category; return legend handles of those that occur.

    Without colors of the caller's own, the palette repeats and the marker tells the rounds apart.
    """
    markers = MARKERS if colors is None else MARKERS[:1]
    colors = category_colors(len(names)) if colors is None else colors
    size = float(np.clip(9000 / len(xy), 3, 30))
    unlabeled = xy[labels < 0]
    ax.scatter(*unlabeled.T, s=size, color="#CCCCCC", linewidths=0, zorder=1)
    handles = []
    for category in np.unique(labels[labels >= 0]):
        marker = markers[category // len(OKABE_ITO) % len(markers)]
        style = {"marker": marker, "color": colors[category]}
        members = xy[labels == category]
        ax.scatter(*members.T, s=size, alpha=0.75, linewidths=0, zorder=2, **style)
        handles.append(Line2D([], [], linestyle="", markersize=6, label=names[category], **style))
    _bare(ax)
    return handles


def _wants_legend(legend: bool | None, handles: Sequence[Line2D]) -> bool:
    return 0 < len(handles) <= MAX_LEGEND if legend is None else legend


def _bare(ax: Axes) -> None:
    """A projection has no units: leave out ticks and frame, keep the aspect of the distances."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_aspect("equal", adjustable="datalim")


def _largest_categories(labels: np.ndarray, limit: int) -> np.ndarray:
    categories, counts = np.unique(labels[labels >= 0], return_counts=True)
    return np.sort(categories[np.argsort(-counts, kind="stable")[:limit]])


def _darkened(color: str) -> str:
    return mcolors.to_hex(0.7 * np.array(mcolors.to_rgb(color)))


# --- curves --------------------------------------------------------------------------------------


def history_curves(
    histories: Mapping[str, pd.DataFrame],
    columns: Sequence[str] = ("loss", "precision", "kept_share", "acc"),
    *,
    title: str | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Training histories: one panel a column, one line a run, named at its end.

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
    color_of = _named_colors(list(histories), colors)
    for ax, column in zip(axes.flat, columns, strict=False):
        for name, (epochs, values) in _history_lines(histories, column).items():
            marker = "o" if len(epochs) <= 12 else ""
            style = {"color": color_of[name], "marker": marker, "markersize": 3.5}
            ax.plot(epochs, values, label=name, **style)
        ax.set(xlabel="Epoch", ylabel=AXIS_LABELS.get(column, column))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        _label_line_ends(ax)
    for ax in axes.flat[len(columns) :]:
        ax.remove()
    _set_figure_title(fig, title)
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

    Parameters
    ----------
    x : array_like, shape (m,)
        Common abscissa, increasing.
    series : mapping of str to array_like, shape (m,) or (runs, m)
        Values of each line.
    xlabel, ylabel : str
        What the axes show, with units.
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
    color_of = _named_colors(list(series), colors)
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
    if log_x:
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.set_xticks([], minor=True)
    if log_y:
        ax.set_yscale("log", nonpositive="mask")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _label_line_ends(ax)
    _set_title(ax, title)
    return ax.figure


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
    for line, y in zip(lines, _spread(ends, gap), strict=True):
        ax.annotate(
            line.get_label(),
            xy=(1.0, y),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            color=line.get_color(),
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


def _spread(
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


# --- what coarse labels hide ---------------------------------------------------------------------


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
    ax.set_yticks(range(len(coarse_names)), coarse_names)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.set(xlabel="Texts (each segment is one fine category)")
    _set_figure_title(fig, title)
    return fig


# --- comparisons ---------------------------------------------------------------------------------


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
    _require_columns(frame, ("filters", "precision", "kept_share"))
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
    axes[0].set_yticks(range(len(frame)), [key.replace("+", " + ") for key in keys])
    axes[0].invert_yaxis()
    axes[1].tick_params(left=False)
    _set_figure_title(fig, title)
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
    _require_columns(frame, ("run", *scores))
    groups = frame.groupby("run", sort=False)[list(scores)]
    means, lows, highs = groups.mean(), groups.min(), groups.max()
    color_of = list(_named_colors(list(means.index), colors).values())
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
    axes[0, 0].set_yticks(places, [str(name).replace("+", " + ") for name in means.index])
    axes[0, 0].set_ylim(len(means) - 0.5, -0.5)
    _set_figure_title(fig, title)
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
    _require_columns(frame, ("method", "seconds", score))
    if not (frame["seconds"] > 0).all():
        raise ValueError(
            f"seconds go down to {frame['seconds'].min()}, but a logarithmic axis needs positive "
            "times: give measured seconds."
        )
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    means = frame.groupby("method", sort=False)[["seconds", score]].mean()
    colors = list(_named_colors(list(means.index)).values())
    ax.scatter(means["seconds"], means[score], c=colors, s=70, zorder=3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(True)
    ax.set(xlabel="Seconds (logarithmic)", ylabel=AXIS_LABELS.get(score, score))
    ax.margins(x=0.08, y=0.12)
    for name, value in (references or {}).items():
        ax.axhline(value, color=DARK, linestyle="--", linewidth=1, zorder=1)
        ax.annotate(
            name, (0, value), xycoords=("axes fraction", "data"), xytext=(4, 3),
            textcoords="offset points", color=DARK, fontsize=9,
        )  # fmt: skip
    _label_points(ax, means["seconds"], means[score], means.index, colors)
    _set_title(ax, title)
    return ax.figure


def _label_points(
    ax: Axes, x: pd.Series, y: pd.Series, names: Sequence[str], colors: Sequence[str]
) -> None:
    low, high = ax.get_ylim()
    gap = (high - low) * 12 / (72 * 0.75 * ax.figure.get_size_inches()[1])
    for name, at_x, at_y, label_y, color in zip(
        names, x, y, _spread(y.to_numpy(dtype=float), gap), colors, strict=True
    ):
        ax.annotate(
            name,
            xy=(at_x, at_y),
            xytext=(at_x, label_y),
            textcoords=_right_of(ax, 8),
            color=color,
            fontsize=9,
            va="center",
            annotation_clip=False,
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
    ax.set_yticks(range(len(rows)) if named else [], [names[r] for r in rows] if named else [])
    ax.tick_params(axis="y", length=0, labelsize=fontsize)
    _frame_blocks(ax, parents[rows], has_cluster, coarse_names, left=not named)
    _set_title(ax, title)
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
                s=coarse_names[block_of_row[start]],
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=9,
                fontweight="bold",
                **place,
            )


# --- neighbors -----------------------------------------------------------------------------------


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
            ax.text(*point, name, ha="center", va="center_baseline", fontsize=9, zorder=5)
        _bare(ax)
        ax.margins(0.14)
        _set_title(ax, panel, share=1 / len(keep))
    handles = [
        Line2D([], [], color=OKABE_ITO[0], label="kept, same fine category"),
        Line2D([], [], color=OKABE_ITO[5], label="kept, another fine category"),
        Line2D([], [], color=GRAY, linestyle=":", label="filtered out"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    _set_figure_title(fig, title)
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
    _set_title(ax, title)
    return fig


# --- theory --------------------------------------------------------------------------------------


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
    _set_title(ax, title)
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
        _set_title(ax, name, share=1 / len(fields))
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    _set_figure_title(fig, title)
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
    _bare(ax)
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
        _bare(ax)
        _set_title(ax, name, share=1 / len(centers))
    _set_figure_title(fig, title)
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
        Quantities in the unit of `x`.
    xlabel, ylabel : str
        What the axes show, with units.
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
    for (name, y), color in zip(series.items(), _named_colors(list(series)).values(), strict=True):
        ax.scatter(x, np.asarray(y), s=size, alpha=0.5, linewidths=0, color=color, label=name)
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, ends, color=DARK, linewidth=1.2, linestyle="--", label=line)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles[:-1]:
        handle.set(sizes=[36], alpha=1)
    _set_title(ax, title)
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
        What the values are, with units.
    title : str, optional
        What the boxes show.

    Returns
    -------
    Figure
    """
    values = [np.asarray(v, dtype=float) for v in series.values()]
    colors = _named_colors(list(series)).values()
    fig, ax = plt.subplots(figsize=(7.0, 1.3 + 0.5 * len(series)), layout="constrained")
    drawn = ax.boxplot(
        [v[np.isfinite(v)] for v in values],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 2},
    )
    for box, color in zip(drawn["boxes"], colors, strict=True):
        box.set(facecolor=color, edgecolor=color)
    ax.set_yticks(range(1, len(series) + 1), [name.replace("+", " + ") for name in series])
    ax.invert_yaxis()
    ax.set(xlabel=xlabel)
    ax.set_xlim(left=0)
    _set_title(ax, title)
    return fig


# --- text ----------------------------------------------------------------------------------------


def _require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"the frame has no column {missing[0]!r}: it needs {', '.join(columns)} and has "
            f"{', '.join(map(str, frame.columns))}."
        )


def _set_title(ax: Axes, title: str | None, share: float = 1.0) -> None:
    if title:
        width = share * ax.figure.get_size_inches()[0]
        ax.set_title(_filled(title, width, plt.rcParams["axes.titlesize"]), loc="left")


def _set_figure_title(fig: Figure, title: str | None) -> None:
    if title:
        width = fig.get_size_inches()[0]
        text = _filled(title, width, plt.rcParams["figure.titlesize"])
        fig.suptitle(text, x=0.042 / width, ha="left")


def _filled(title: str, width: float, size: float | str) -> str:
    """Wrap a title to a width in inches; a bold letter is some 0.62 of its size wide."""
    points = size if isinstance(size, (int, float)) else 12.0
    return textwrap.fill(title, max(20, int(0.92 * 72 * width / (0.62 * points))))
