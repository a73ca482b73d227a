"""Figures that follow their controls in JupyterLab, and stand still where nobody watches."""

from dnalib.widgets.explorer import EmbeddingExplorer
from dnalib.widgets.filters import FilterPlayground
from dnalib.widgets.live import live_figure
from dnalib.widgets.losslab import LossLab

__all__ = ["EmbeddingExplorer", "FilterPlayground", "LossLab", "live_figure"]
