"""The embedding explorer: two maps of the same samples, hovered over and picked from as one."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dnalib import plots
from dnalib.plots.maps import checked_map
from dnalib.progress import headless

LISTED = 20
LETTERS = 110
HEIGHT = 380
AWAY = 1.25
"""Distance of the camera, in the maps' half width: nothing lies outside a map wider than high."""

NO_CATEGORY = "no category"

HOW_TO = (
    "Hover over a point to see what it is. Choose the lasso and draw around points to list them."
)


class EmbeddingExplorer:
    """Two maps of the same samples side by side: what is picked in one is picked in the other.

    Parameters
    ----------
    xy_a, xy_b : array_like (n, 2)
        Coordinates, e.g. from `dnalib.plots.project`.
    labels : array_like (n,) of int
        Category of each sample; -1 for those of none, which are drawn gray.
    names : sequence of str
        Of the categories.
    parents : array_like (n,) of int
        Coarse category of each sample.
    parent_names : sequence of str
        Of the coarse categories.
    texts : sequence of str, optional
        What is shown of a sample; leave it out where texts may not be shown
        (`dnalib.datasets.CoarseDataset.shows_texts`).
    titles : pair of str
        Of the maps.
    title : str, optional
        Of the figure that stands in their place when headless.

    Examples
    --------
    >>> xy = np.zeros((2, 2))
    >>> texts = ["miaow", "woof"]
    >>> explorer = EmbeddingExplorer(xy, xy, [0, 1], ["cat", "dog"], [0, 0], ["pet"], texts)
    >>> explorer.listing([1])
      parent category  text
    1    pet      dog  woof
    """

    def __init__(
        self,
        xy_a: ArrayLike,
        xy_b: ArrayLike,
        labels: ArrayLike,
        names: Sequence[str],
        parents: ArrayLike,
        parent_names: Sequence[str],
        texts: Sequence[str] | None = None,
        *,
        titles: tuple[str, str] = ("Before training", "After training"),
        title: str | None = None,
    ):
        self.maps = tuple(checked_map(xy, labels, names)[0] for xy in (xy_a, xy_b))
        self.labels = np.asarray(labels)
        self.names = list(names)
        self.titles = titles
        self.title = title
        columns = {
            "parent": np.asarray(parent_names)[np.asarray(parents)],
            # At the end, where -1 finds it.
            "category": np.asarray([*self.names, NO_CATEGORY])[self.labels],
        }
        if texts is not None:
            columns["text"] = [text[:LETTERS] for text in texts]
        self.samples = pd.DataFrame(columns)

    def listing(self, rows: Sequence[int]) -> pd.DataFrame:
        """Return what is known of the samples in these rows, categories together."""
        return self.samples.iloc[rows].sort_values(["parent", "category"])

    def figure(self) -> Figure:
        """Draw both maps as one still figure, with a legend if the categories are few."""
        fig = plots.before_after(
            *self.maps, self.labels, self.names, titles=self.titles, title=self.title
        )
        plt.close(fig)  # what a cell returns is shown; what is still open would be shown again
        return fig

    def show(self) -> ipywidgets.VBox | Figure:
        """Return the explorer for a notebook's last line; a figure alone when headless."""
        if headless():
            return self.figure()
        # Imported where it is drawn: it takes a second, which those who look at figures save.
        from jscatter import compose

        scatters = [self._scatter(xy) for xy in self.maps]
        maps = compose(
            list(zip(scatters, self.titles, strict=True)),
            sync_selection=True,
            sync_hover=True,
            row_height=HEIGHT,
        )
        picked = ipywidgets.HTML(HOW_TO)

        def update(change: dict) -> None:
            picked.value = self._picked(list(change["new"]))

        scatters[0].widget.observe(update, names="selection")
        return ipywidgets.VBox([maps, picked])

    def _scatter(self, xy: np.ndarray):
        from jscatter import Scatter

        frame = self.samples.assign(x=xy[:, 0], y=xy[:, 1])
        colors = dict(zip(self.names, plots.category_colors(len(self.names)), strict=True))
        colors[NO_CATEGORY] = plots.NO_CATEGORY_COLOR
        scatter = Scatter(data=frame, x="x", y="y", height=HEIGHT)
        scatter.color(by="category", map=colors).axes(False).size(default=5)
        scatter.camera(distance=AWAY)
        scatter.tooltip(True, properties=["parent", "category"], size="large")
        if "text" in frame:
            scatter.tooltip(preview="text", preview_type="text", preview_text_lines=3)
        return scatter

    def _picked(self, rows: list[int]) -> str:
        if not rows:
            return HOW_TO
        shown = self.listing(rows).head(LISTED)
        more = f", {LISTED} of them shown" if len(rows) > LISTED else ""
        table = shown.style.hide(axis="index").format(escape="html")
        table = table.set_properties(**{"text-align": "left", "padding-right": "1em"})
        return f"<p>{len(rows)} picked{more}</p>{table.to_html()}"
