"""Shortest ways in the Poincaré disc, and trees drawn along them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib import plots
from dnalib.hierarchy import Tree, linkage_tree
from dnalib.hyperbolic import distance

INSIDE = st.tuples(st.floats(0, 0.97), st.floats(0, 6.28)).map(
    lambda polar: polar[0] * np.array([np.cos(polar[1]), np.sin(polar[1])])
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@given(INSIDE, INSIDE, st.integers(1, 9))
def test_ways_are_as_short_as_the_distance_and_evenly_divided(start, end, n):
    way = plots.geodesic(start, end, n)
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-9)
    points = torch.tensor(way)
    gaps = distance(points, points, c=1.0).diagonal(1).numpy()
    whole = distance(points[:1], points[-1:], c=1.0).item()
    np.testing.assert_allclose(gaps, whole / n, atol=1e-5)


def test_ways_are_circles_at_right_angles_to_the_edge():
    way = plots.geodesic([0.6, 0.1], [-0.2, 0.7])
    # A circle with center m and radius r meets the unit circle at right angles iff m² = 1 + r².
    # Each of its points x then satisfies x² - 2 x m + 1 = 0, which is linear in m.
    center = np.linalg.lstsq(2 * way, (way**2).sum(1) + 1, rcond=None)[0]
    np.testing.assert_allclose((way**2).sum(1) - 2 * way @ center + 1, 0, atol=1e-12)


def test_a_way_through_the_center_is_straight_and_one_to_itself_stays():
    np.testing.assert_allclose(plots.geodesic([-0.5, 0], [0.5, 0], 2)[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(plots.geodesic([0.3, 0.1], [0.3, 0.1], 3), [[0.3, 0.1]] * 4)


@given(st.integers(2, 15), st.integers(0, 99))
def test_subtrees_stand_together_at_the_given_radii(n, seed):
    rng = np.random.default_rng(seed)
    tree = linkage_tree(rng.normal(size=(n, 3)))
    radii = rng.uniform(0.1, 0.9, size=len(tree))
    places = plots.tree_layout(tree, radii)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), radii)
    turns = np.arctan2(*places[:n].T[::-1]) / (2 * np.pi) % 1
    rank = np.round(turns * n).astype(int) % n
    assert sorted(rank) == list(range(n))
    below = tree.add_up(np.eye(n, dtype=int))
    for row in below:
        inside = np.sort(rank[row > 0])
        assert inside[-1] - inside[0] == len(inside) - 1


def test_a_tree_shows_every_leaf_by_name_and_color():
    tree = Tree(np.array([4, 4, 5, 5, 6, 6, -1]), 4)
    fig = plots.poincare_tree(
        tree, [0.8] * 4 + [0.5, 0.5, 0.1], ["a", "b", "c", "d"], [0, 0, 1, 0], ["x", "y"],
        title="A tree",
    )  # fmt: skip
    ax = fig.axes[0]
    assert {text.get_text().strip() for text in ax.texts} == {"a", "b", "c", "d"}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y", "proxy", "root"]
    edges = [tuple(color) for color in ax.collections[0].get_colors()]
    one, other, mixed = (
        tuple(plt.matplotlib.colors.to_rgba(c)) for c in (*plots.category_colors(2), plots.GRAY)
    )
    assert edges == [one, one, other, one, one, mixed]
    for text in ax.texts:
        assert -90 <= (text.get_rotation() + 180) % 360 - 180 <= 90
