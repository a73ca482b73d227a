"""The filter playground: what k, m and each filter do to all neighbors, and to one query's."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dnalib import plots
from dnalib.neighbors import FILTERS, NeighborGraph, apply_filters, precision, retrieve
from dnalib.widgets.live import live_figure


class FilterPlayground:
    """Neighbors retrieved once, filtered again at every move of a control.

    Parameters
    ----------
    features : ndarray (n, d)
        Unit rows.
    coarse, fine : ndarray (n,) int64
        Labels; the fine ones only tell right neighbors from wrong ones.
    names : sequence of str
        Of the fine categories.
    max_k : int, default 100
        The most neighbors that the slider offers.

    Examples
    --------
    >>> playground = FilterPlayground(features, coarse, fine, names)  # doctest: +SKIP
    >>> playground.show(query=3)  # doctest: +SKIP
    """

    def __init__(
        self,
        features: np.ndarray,
        coarse: np.ndarray,
        fine: np.ndarray,
        names: Sequence[str],
        max_k: int = 100,
    ):
        self.features = features
        self.coarse = coarse
        self.fine = fine
        self.names = names
        self.max_k = min(max_k, len(features) - 1)
        self._indices, self._similarities = retrieve(features, self.max_k)

    def graph(self, k: int, filters: Sequence[str] = (), m: int = 5) -> NeighborGraph:
        """Return the k nearest neighbors with `filters` applied, as `build_graph` does."""
        indices = np.ascontiguousarray(self._indices[:, :k])
        everything = np.ones(indices.shape, dtype=bool)
        graph = NeighborGraph(indices, self._similarities[:, :k], everything)
        return apply_filters(graph, self.features, self.coarse, filters, m)

    def figure(self, query: int, k: int, m: int, **switches: bool) -> Figure:
        """Draw precision and kept share over all texts, and the neighbors of one of them.

        Parameters
        ----------
        query : int
            Row of the text whose neighbors are drawn.
        k, m : int
            As in `graph`.
        **switches : bool
            ``label``, ``reciprocal``, ``rank``: the filters that are on.
        """
        filters = [name for name in FILTERS if switches.get(name)]
        graph = self.graph(k, filters, m)
        right = self.fine[graph.indices[query]] == self.fine[query]
        return plots.filter_view(
            before=precision(self.graph(k), self.fine),
            after=precision(graph, self.fine),
            kept=graph.kept_share,
            similarities=graph.similarities[query],
            keep=graph.keep[query],
            right=right,
            name=self.names[self.fine[query]],
        )

    def show(self, query: int = 0, k: int = 30, m: int = 5) -> ipywidgets.VBox | Figure:
        """Return the playground for a notebook's last line; a figure alone when headless."""
        most_m = min(20, self.features.shape[1])
        slider = {"continuous_update": True, "layout": ipywidgets.Layout(width="30em")}
        controls = {
            "query": ipywidgets.IntSlider(
                query, 0, len(self.fine) - 1, description="query", **slider
            ),
            "k": ipywidgets.IntSlider(min(k, self.max_k), 1, self.max_k, description="k", **slider),
            "m": ipywidgets.IntSlider(min(m, most_m), 1, most_m, description="m (rank)", **slider),
            **{
                name: ipywidgets.Checkbox(name != "rank", description=f"{name} filter")
                for name in FILTERS
            },
        }
        return live_figure(self.figure, controls)
