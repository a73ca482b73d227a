"""A figure that is drawn anew whenever one of its controls changes."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from dnalib.plots import describe
from dnalib.progress import headless

SHARPNESS = 90
"""Dots per inch: enough for a screen, and drawn fast enough to follow a slider."""


def live_figure(
    draw: Callable[..., Figure], controls: Mapping[str, ipywidgets.ValueWidget]
) -> ipywidgets.VBox | Figure:
    """Return a figure under its controls, or the figure alone where nobody could move them.

    Parameters
    ----------
    draw : callable
        Takes the controls' values by name and returns a new figure.
    controls : mapping of str to ValueWidget
        Shown from the top in their order.

    Returns
    -------
    VBox or Figure
        A figure of the controls' first values when headless.
    """
    values = {name: control.value for name, control in controls.items()}
    if headless():
        fig = draw(**values)
        plt.close(fig)  # what a cell returns is shown; what is still open would be shown again
        return fig
    picture = ipywidgets.HTML()

    def update(change: dict | None = None) -> None:
        fig = draw(**{name: control.value for name, control in controls.items()})
        picture.value = _picture(fig)
        plt.close(fig)

    for control in controls.values():
        control.observe(update, names="value")
    update()
    return ipywidgets.VBox([*controls.values(), picture])


def _picture(fig: Figure) -> str:
    """Return the figure as an HTML image, with its description as alternative text."""
    content = io.BytesIO()
    fig.savefig(content, format="png", dpi=SHARPNESS)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{html.escape(describe(fig))}" src="data:image/png;base64,{encoded}">'
