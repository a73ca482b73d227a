"""Trees in the Poincaré disc."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from dnalib.hierarchy import Tree
from dnalib.plots.style import DARK, GRAY, category_colors, plain, set_title

SEGMENTS = 24
"""Straight pieces that an arc is drawn in."""


def geodesic(start: ArrayLike, end: ArrayLike, n: int = SEGMENTS) -> np.ndarray:
    """Return n + 1 points on the shortest way between two points of the unit disc, ``(n + 1, 2)``.

    They are equally far from each other. The way is an arc of a circle that meets the disc's edge
    at right angles, or a diameter.

    Parameters
    ----------
    start, end : array_like (2,)
        Of length below 1.
    n : int, default 24

    Examples
    --------
    >>> geodesic([0.5, 0.0], [0.0, 0.5], 2)[1].round(3)
    array([0.191, 0.191])
    """
    a, b = (complex(*np.asarray(point, dtype=float)) for point in (start, end))
    # Moved so that the start is the origin, the way is straight; then it is moved back.
    straight = (b - a) / (1 - a.conjugate() * b)
    length = min(abs(straight), 1 - 1e-12)
    steps = np.tanh(np.linspace(0, 1, n + 1) * np.arctanh(length))
    on_ray = steps * (straight / length if length else 0)
    points = (on_ray + a) / (1 + a.conjugate() * on_ray)
    return np.column_stack([points.real, points.imag])


def tree_layout(tree: Tree, radii: ArrayLike) -> np.ndarray:
    """Return places ``(n_nodes, 2)``: given distances from the center, angles from the tree.

    Leaves stand at equal angles in an order in which every subtree is together, an inner node at
    the mean angle of its leaves. Angles are the drawing's own and say nothing else.

    Parameters
    ----------
    tree : Tree
        Whose every inner node has a leaf below it.
    radii : array_like (n_nodes,)
    """
    angles = np.empty(tree.n_leaves)
    angles[_leaf_order(tree)] = 2 * np.pi * np.arange(tree.n_leaves) / tree.n_leaves
    below = tree.add_up(np.ones(tree.n_leaves))
    mean = tree.add_up(angles) / below
    return np.asarray(radii)[:, None] * np.column_stack([np.cos(mean), np.sin(mean)])


def _leaf_order(tree: Tree) -> list[int]:
    """Return the leaves from left to right, those of a subtree side by side."""
    children: list[list[int]] = [[] for _ in range(len(tree))]
    for node, parent in enumerate(tree.parents[:-1].tolist()):
        children[parent].append(node)
    order, open_nodes = [], [len(tree) - 1]
    while open_nodes:
        node = open_nodes.pop()
        open_nodes.extend(children[node])
        if node < tree.n_leaves:
            order.append(node)
    return order


def poincare_tree(
    tree: Tree,
    radii: ArrayLike,
    names: Sequence[str],
    groups: ArrayLike,
    group_names: Sequence[str],
    *,
    title: str | None = None,
) -> Figure:
    """A tree in the Poincaré disc: leaves named around it, edges along shortest ways.

    Parameters
    ----------
    tree : Tree
    radii : array_like (n_nodes,)
        Distance of each node from the center, the disc's edge being at 1: of a point x in the
        ball of curvature -c it is :math:`\\sqrt c \\|x\\|`.
    names : sequence of str
        Of the leaves.
    groups : array_like of int, shape (n_leaves,)
        Group of each leaf: its color. An edge has the color of the leaves below it if they are of
        one group, and is gray otherwise.
    group_names : sequence of str
    title : str, optional
        What the tree shows.

    Returns
    -------
    Figure
    """
    groups = np.asarray(groups)
    places = tree_layout(tree, radii)
    palette = category_colors(len(group_names))
    counts = tree.add_up(np.eye(len(group_names))[groups])
    is_pure = (counts > 0).sum(axis=1) == 1
    colors = [
        palette[row.argmax()] if pure else GRAY for row, pure in zip(counts, is_pure, strict=True)
    ]

    fig, ax = plt.subplots(figsize=(9.8, 8.2), layout="constrained")
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, edgecolor="#CCCCCC", linewidth=1))
    ways = [geodesic(places[i], places[p]) for i, p in enumerate(tree.parents[:-1])]
    ax.add_collection(LineCollection(ways, colors=colors[:-1], linewidths=1.3, zorder=1))
    inner, leaves = places[tree.n_leaves :], places[: tree.n_leaves]
    ax.scatter(*inner.T, s=26, facecolor="white", edgecolor=DARK, linewidth=1, zorder=2)
    ax.scatter(*inner[-1], s=70, marker="D", color=DARK, zorder=3)
    ax.scatter(*leaves.T, s=22, c=colors[: tree.n_leaves], zorder=3)
    for place, name in zip(leaves, names, strict=True):
        _name_outwards(ax, place, name)
    ax.set(xlim=(-1.18, 1.18), ylim=(-1.18, 1.18), aspect="equal")
    ax.axis("off")
    marks = [_mark(color, plain(name)) for color, name in zip(palette, group_names, strict=True)]
    marks += [_mark("white", "proxy", markeredgecolor=DARK), _mark(DARK, "root", marker="D")]
    ax.legend(handles=marks, loc="center left", bbox_to_anchor=(1.0, 0.5))
    set_title(ax, title)
    return fig


def _name_outwards(ax: plt.Axes, place: np.ndarray, name: str) -> None:
    """Write a leaf's name along the ray from the center, never upside down."""
    angle = np.degrees(np.arctan2(place[1], place[0]))
    is_left = abs(angle) > 90
    name = plain(name)
    ax.annotate(
        f"{name}  " if is_left else f"  {name}",
        place,
        rotation=angle - 180 if is_left else angle,
        rotation_mode="anchor",
        ha="right" if is_left else "left",
        va="center",
        fontsize=7.5,
    )


def _mark(color: str, label: str, marker: str = "o", **style) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, color=color, label=label, **style)
