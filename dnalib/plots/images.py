"""Images in rows, and how similar they are."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dnalib.plots.style import (
    DARK,
    OKABE_ITO,
    line_style,
    plain,
    require_at_most,
    set_figure_title,
    set_title,
)

CELL = 0.72  # inches
RIGHT, WRONG = OKABE_ITO[2], OKABE_ITO[5]
OUTLINES = (OKABE_ITO[0], OKABE_ITO[1], DARK, *OKABE_ITO[2:6])


def image_rows(
    rows: Mapping[str, Sequence[ArrayLike]],
    *,
    right: Mapping[str, Sequence[bool | None]] | None = None,
    title: str | None = None,
) -> Figure:
    """Rows of images, each named at its left.

    Parameters
    ----------
    rows : mapping of str to sequence of array_like
        Images (h, w) gray, ink drawn dark, or (h, w, 3) in color; in [0, 1].
    right : mapping of str to sequence of bool or None, optional
        For each image whether to frame it as right (thin, green) or as wrong (thick, vermilion);
        None leaves it without a frame.
    title : str, optional
        What the images show.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a row has another number of frames than of images.
    """
    columns = max(len(images) for images in rows.values())
    fig, axes = plt.subplots(
        len(rows), columns, figsize=(CELL * columns + 1.9, (CELL + 0.05) * len(rows) + 0.5),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for row_axes, (name, images) in zip(axes, rows.items(), strict=True):
        frames = (right or {}).get(name, [None] * len(images))
        if len(frames) != len(images):
            raise ValueError(
                f"row {name!r} has {len(images)} images, but `right` says {len(frames)} times how "
                "to frame them: give True, False or None for each image."
            )
        for ax, image, frame in zip(row_axes, images, frames, strict=False):
            _draw(ax, np.asarray(image), frame)
        for ax in row_axes[len(images) :]:
            ax.axis("off")
        row_axes[0].set_ylabel(plain(name), rotation=0, ha="right", va="center")
    set_figure_title(fig, title)
    return fig


def _draw(ax, image: np.ndarray, frame: bool | None) -> None:
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        if frame is None:
            spine.set_visible(False)
        else:
            spine.set(visible=True, color=RIGHT if frame else WRONG, linewidth=1.5 if frame else 4)


def histograms(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    xlabel: str,
    title: str | None = None,
    bins: int = 50,
) -> Figure:
    """Distributions of the same quantities under several conditions, one panel a condition.

    Parameters
    ----------
    panels : mapping of str to mapping of str to array_like
        For each condition the values of each quantity, seven at most; the same in all.
    xlabel : str
        What the values are.
    title : str, optional
        What the distributions show.
    bins : int, default 50
        Common to all.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there are more than seven quantities.
    """
    require_at_most(len(OUTLINES), max(map(len, panels.values())), "quantities")
    every = np.concatenate([np.ravel(v) for panel in panels.values() for v in panel.values()])
    edges = np.linspace(every.min(), every.max(), bins + 1)
    fig, axes = plt.subplots(
        1, len(panels), figsize=(max(6, 3.7 * len(panels)), 3.4), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (name, panel) in zip(axes.flat, panels.items(), strict=True):
        for position, (quantity, values) in enumerate(panel.items()):
            heights, _ = np.histogram(np.ravel(values), edges)
            ax.stairs(
                100 * heights / heights.sum(), edges, color=OUTLINES[position],
                linestyle=line_style(position), linewidth=1.8, label=plain(quantity),
            )  # fmt: skip
        ax.set(xlabel=xlabel)
        ax.locator_params(axis="x", nbins=6)  # more numbers would touch in narrow panels
        set_title(ax, name, share=1 / len(panels))
    axes[0, 0].set_ylabel("Pairs (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    set_figure_title(fig, title)
    return fig
