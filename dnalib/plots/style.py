"""The visual language: styles, colors and titles that every figure shares."""

import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython import get_ipython
from matplotlib import colors as mcolors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dnalib.neighbors import FILTERS

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
# Of each coarse category the hue and how far its shades go, toward black (negative) or white. Dark
# hues get darker and light ones lighter: sky is a light blue, and to many eyes vermilion a dark
# orange. Brown stands for black, which has no shades.
FAMILIES = (
    ("#0072B2", -0.4),  # blue
    ("#E69F00", 0.4),  # orange
    ("#009E73", -0.4),  # green
    ("#CC79A7", 0.4),  # purple
    ("#56B4E9", 0.4),  # sky
    ("#D55E00", -0.4),  # vermilion
    ("#7A5230", -0.4),  # brown
    ("#F0E442", 0.4),  # yellow
)
GRAY = "#999999"
DARK = "#333333"
NO_CATEGORY_COLOR = "#CCCCCC"

# One hue a family, shades within it, all of them apart for color-blind readers as well.
METHOD_COLORS = {
    "published": "#000000",
    "bow": GRAY,
    # k-means, and labels made by it: green
    "embeddings": "#009E73",
    "deepcluster": "#8AC7AA",
    "deepaligned": "#145133",
    # coarse labels: orange
    "coarse-ce": "#E69F00",
    # two views of one text: yellow and vermilion
    "simcse": "#F0E442",
    "simcse-ce": "#A59631",
    "ntxent": "#F9B78B",
    "isif": "#BF3C02",
    # a memory of all texts: brown
    "idfd": "#906940",
    "cidfd": "#391B01",
    "cidfd-frozen": "#D55E00",
    # linear maps of pixels: gray and teal
    "pixels": "#BBBBBB",
    "cpca": "#3C7A7A",
    # neighbors: blue (red for the recipe of our own), purple where ranks weigh them, violet where
    # a queue holds them
    "wscl": "#56B4E9",
    "dna": "#0072B2",
    "dna-hier": "#080B7A",
    "dna-ranked": "#161FFF",
    "dna-plus": "#901400",
    "down": "#CC79A7",
    "star": "#55013D",
    "ncl": "#7B2FDD",
    # metric losses: magenta and lilac, dark with a hierarchy
    "proxy-anchor": "#CB3BC4",
    "proxy-anchor-hier": "#60235D",
    "multi-similarity": "#BA6CFA",
    "multi-similarity-hier": "#410EB4",
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
    "knn": "Weighted k-NN (%)",
    "linear": "Linear probe (%)",
    "r1": "R@1 (%)",
    "seconds": "Seconds",
}

SHARES = ("precision_retrieved", "precision", "recall", "kept_share")
"""Columns of histories in [0, 1], which axes show in percent."""

INK = (
    "text.color",
    "axes.edgecolor",
    "axes.labelcolor",
    "axes.titlecolor",
    "xtick.color",
    "ytick.color",
)
# No squares or crosses: Matplotlib snaps their edges to pixels, and small ones vanish.
MARKERS = ("o", "^", "D", "v")
# Of lines drawn one after the other: where two coincide, the lower one shows in the other's gaps.
DASHES = ("-", "--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))
MAX_NAMED_ROWS = 80
MAX_LEGEND = 24
LABEL_HEIGHT = 0.16  # inches from one name in a column to the next


def use_style() -> None:
    """Set Matplotlib's defaults for the notebooks: sizes, spines, layout, resolution, colors.

    In a notebook, figures that are shown also carry a description in words (see `describe`).
    """
    _show_figures_with_words()
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 4.3),
            "figure.dpi": 100,
            # White paper, whatever the page around it and the reader's own settings are.
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "savefig.facecolor": "white",
            **dict.fromkeys(INK, "black"),
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


def describe(fig: Figure) -> str:
    """Return what a figure says in words: its titles and what its axes show.

    Returns
    -------
    str
        For readers who cannot see it: the alternative text of its picture.

    Examples
    --------
    >>> fig, ax = plt.subplots()
    >>> _ = ax.set(title="More epochs help", xlabel="Epoch", ylabel="ACC (%)")
    >>> describe(fig)
    'More epochs help. ACC (%) by Epoch.'
    """
    heading = [fig.get_suptitle(), *(ax.get_title(loc="left") or ax.get_title() for ax in fig.axes)]
    axes = [
        f"{ax.get_ylabel()} by {ax.get_xlabel()}"
        for ax in fig.axes
        if ax.get_xlabel() and ax.get_ylabel()
    ]
    said = (part.replace(r"\$", "$") for part in dict.fromkeys([*heading, *axes]))
    parts = (" ".join(part.split()).rstrip(".") for part in said)
    return " ".join(f"{part}." for part in parts if part)


def _show_figures_with_words() -> None:
    """In a notebook, let every figure that is shown carry its description as alternative text."""
    shell = get_ipython()
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type(Figure, lambda fig: (_png(fig), {"alt": describe(fig)}))


def _png(fig: Figure) -> bytes:
    picture = io.BytesIO()
    fig.savefig(picture, format="png", dpi=fig.dpi, bbox_inches="tight")
    return picture.getvalue()


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
    unknown = [name for name in filters if name not in FILTERS]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is not a filter: expected names among {', '.join(FILTERS)}."
        )
    return "+".join(name for name in FILTERS if name in filters) or "none"


def category_colors(n: int, parents: ArrayLike | None = None) -> list[str]:
    """Colors of n categories, as hex strings.

    Parameters
    ----------
    n : int
        Number of categories.
    parents : array_like of int, shape (n,), optional
        Coarse category of each. When given, the fine categories of a coarse one are shades of its
        hue. Hues, and without parents all colors, repeat after eight: maps then change the marker.

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
        base, reach = FAMILIES[coarse % len(FAMILIES)]
        for member, shade in zip(members, _shades(base, reach, len(members)), strict=True):
            colors[member] = shade
    return colors


def _shades(base: str, reach: float, n: int) -> list[str]:
    """n colors from `base` toward black (`reach` < 0) or white; `base` itself for n = 1."""
    rgb = np.array(mcolors.to_rgb(base))
    end = 1.0 if reach > 0 else 0.0
    mixed = [rgb + (end - rgb) * share for share in np.linspace(0, abs(reach), n)]
    return [mcolors.to_hex(color) for color in mixed]


def named_colors(names: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """The chosen color of each name, else that of its method or filter, else one still free."""
    known = FILTER_COLORS | METHOD_COLORS | dict(chosen or {})
    kept = {known[name] for name in names if name in known}
    colors: dict[str, str] = {}
    for position, name in enumerate(names):
        unused = [color for color in OKABE_ITO if color not in colors.values()]
        free = [color for color in unused if color not in kept] or unused
        color = known.get(name)
        if color is None or (color in colors.values() and name not in (chosen or {})):
            color = free[0] if free else OKABE_ITO[position % len(OKABE_ITO)]
        colors[name] = color
    return colors


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"the frame has no column {missing[0]!r}: it needs {', '.join(columns)} and has "
            f"{', '.join(map(str, frame.columns))}."
        )


def line_style(position: int) -> str | tuple:
    """Dashes of a line drawn at this position; only the first is without gaps."""
    return DASHES[1 + (position - 1) % (len(DASHES) - 1)] if position else DASHES[0]


def require_at_most(limit: int, found: int, what: str) -> None:
    if found > limit:
        raise ValueError(
            f"there are {found} {what}, but at most {limit} can be told apart: join some or leave "
            "some out."
        )


def readable(color: str) -> str:
    """Return a color as dark as text on white must be: a contrast of 4.5, as WCAG 2 asks (AA)."""
    rgb = np.array(mcolors.to_rgb(color))
    while 1.05 / (_luminance(rgb) + 0.05) < 4.5:
        rgb = 0.97 * rgb
    return mcolors.to_hex(rgb)


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance of an sRGB color, in [0, 1]."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def plain(text: object) -> str:
    """What a user calls something, such that Matplotlib shows dollar signs and sets no formula."""
    return str(text).replace("$", r"\$")


def set_title(ax: Axes, title: str | None, share: float = 1.0) -> None:
    if title:
        width = share * ax.figure.get_size_inches()[0]
        ax.set_title(_filled(title, width, plt.rcParams["axes.titlesize"]), loc="left")


def set_figure_title(fig: Figure, title: str | None) -> None:
    if title:
        width = fig.get_size_inches()[0]
        text = _filled(title, width, plt.rcParams["figure.titlesize"])
        fig.suptitle(text, x=0.042 / width, ha="left")


def _filled(title: str, width: float, size: float | str) -> str:
    """Wrap a title to a width in inches; a bold letter is some 0.62 of its size wide."""
    points = size if isinstance(size, (int, float)) else 12.0
    return plain(textwrap.fill(title, max(20, int(0.92 * 72 * width / (0.62 * points)))))
