"""Figures: one small visual language for every notebook.

Call `use_style` once in a notebook. Every function draws what it is given, takes the finding to
state as `title`, and returns the figure (also when it drew into an `ax` of yours). Colors come from
Okabe & Ito's palette, which stays legible to color-blind readers; a method or a filter keeps its
color in every figure.
"""

from dnalib.plots.categories import category_bars
from dnalib.plots.comparisons import (
    composition,
    confusion,
    difference_dots,
    filter_bars,
    score_bars,
    score_dots,
    score_time,
    stacked_shares,
)
from dnalib.plots.curves import (
    history_curves,
    lines_with_band,
    setting_curves,
)
from dnalib.plots.hyperbolic import (
    geodesic,
    poincare_tree,
    tree_layout,
)
from dnalib.plots.images import histograms, image_rows
from dnalib.plots.maps import (
    before_after,
    labeled_map,
    project,
    scatter_map,
    two_colorings,
)
from dnalib.plots.neighbors import (
    filter_view,
    neighbor_profile,
    neighbor_sketch,
)
from dnalib.plots.style import (
    AXIS_LABELS,
    DARK,
    FILTER_COLORS,
    GRAY,
    MAX_LEGEND,
    METHOD_COLORS,
    NO_CATEGORY_COLOR,
    OKABE_ITO,
    category_colors,
    describe,
    filter_key,
    use_style,
)
from dnalib.plots.theory import (
    against,
    boxes,
    circle_fields,
    loss_around,
    neighborhood_sketch,
    spokes,
)

__all__ = [
    "AXIS_LABELS",
    "DARK",
    "FILTER_COLORS",
    "GRAY",
    "MAX_LEGEND",
    "METHOD_COLORS",
    "NO_CATEGORY_COLOR",
    "OKABE_ITO",
    "against",
    "before_after",
    "boxes",
    "category_bars",
    "category_colors",
    "circle_fields",
    "composition",
    "confusion",
    "describe",
    "difference_dots",
    "filter_bars",
    "filter_key",
    "filter_view",
    "geodesic",
    "histograms",
    "history_curves",
    "image_rows",
    "labeled_map",
    "lines_with_band",
    "loss_around",
    "neighbor_profile",
    "neighbor_sketch",
    "neighborhood_sketch",
    "poincare_tree",
    "project",
    "scatter_map",
    "score_bars",
    "score_dots",
    "score_time",
    "setting_curves",
    "spokes",
    "stacked_shares",
    "tree_layout",
    "two_colorings",
    "use_style",
]
