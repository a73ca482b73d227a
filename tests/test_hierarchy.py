"""Trees of points: their shape, and dendrogram purity against a loop over pairs of leaves."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage

from dnalib.hierarchy import (
    Tree,
    chance_purity,
    dendrogram_purity,
    linkage_tree,
    meeting_tree,
    proxy_tree,
)
from dnalib.hyperbolic import distance


def random_tree(n_leaves, n_inner, seed):
    """Return any tree: a node's parent is some inner node after it."""
    rng = np.random.default_rng(seed)
    n = n_leaves + n_inner
    parents = [int(rng.integers(max(i + 1, n_leaves), n)) for i in range(n - 1)]
    return Tree(np.array([*parents, -1]), n_leaves)


def ancestors(tree, node):
    """Return the path from the node to the root."""
    path = [node]
    while tree.parents[path[-1]] >= 0:
        path.append(int(tree.parents[path[-1]]))
    return path


def naive_purity(tree, labels):
    below = {node: [] for node in range(len(tree))}
    for leaf in range(tree.n_leaves):
        for node in ancestors(tree, leaf):
            below[node].append(leaf)
    purities = []
    for i, j in combinations(range(tree.n_leaves), 2):
        if labels[i] == labels[j]:
            lca = next(node for node in ancestors(tree, i) if node in ancestors(tree, j))
            purities.append(np.mean([labels[leaf] == labels[i] for leaf in below[lca]]))
    return np.mean(purities)


@given(st.integers(4, 12), st.integers(1, 8), st.integers(1, 3), st.integers(0, 9999))
def test_dendrogram_purity_equals_the_loop_over_pairs(n, inner, n_labels, seed):
    tree = random_tree(n, inner, seed)
    labels = np.random.default_rng(seed + 1).integers(n_labels, size=n)
    assert dendrogram_purity(tree, labels) == pytest.approx(naive_purity(tree, labels))


def test_purity_of_trees_that_one_knows():
    labels = ["a", "a", "b", "b"]
    right = Tree(np.array([4, 4, 5, 5, 6, 6, -1]), 4)
    wrong = Tree(np.array([4, 5, 4, 5, 6, 6, -1]), 4)
    star = Tree(np.array([4, 4, 4, 4, -1]), 4)
    assert dendrogram_purity(right, labels) == 1
    assert dendrogram_purity(wrong, labels) == dendrogram_purity(star, labels) == 0.5
    # Four of one label, one of another, in one node: 4/5 for each of the six pairs.
    star = Tree(np.array([5] * 5 + [-1]), 5)
    assert dendrogram_purity(star, [0, 0, 0, 0, 1]) == pytest.approx(0.8)


@given(st.integers(4, 12), st.integers(1, 8), st.integers(0, 9999))
def test_purity_does_not_depend_on_the_names_of_labels(n, inner, seed):
    tree = random_tree(n, inner, seed)
    labels = np.arange(n) % 3
    renamed = dendrogram_purity(tree, [f"x{-i}" for i in labels])
    assert dendrogram_purity(tree, labels) == pytest.approx(renamed)


def test_chance_is_what_labels_at_random_get():
    tree = linkage_tree(np.random.default_rng(0).normal(size=(60, 5)))
    labels = np.repeat([0, 1, 2], 20)
    chance = chance_purity(tree, labels)
    assert chance == chance_purity(tree, labels) != chance_purity(tree, labels, seed=1)
    assert 1 / 3 < chance < 0.5
    star = Tree(np.array([60] * 60 + [-1]), 60)
    assert chance_purity(star, labels) == pytest.approx(1 / 3)


def test_linkage_merges_near_points_first():
    features = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1]])
    tree = linkage_tree(features)
    assert len(tree) == 7 and tree.depths.tolist() == [2, 2, 2, 2, 1, 1, 0]
    assert tree.parents[0] == tree.parents[2] != tree.parents[1] == tree.parents[3]


def test_proxies_are_parents_and_the_innermost_is_the_root():
    proxies = np.array([[0.1, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.5, 0.2], [0.0, -1.7]])
    points = np.array([[1.9, 0.3], [1.2, -0.3], [-1.9, 0.0]])
    tree, order = proxy_tree(points, proxies)
    # The last proxy has no point below it and is gone.
    assert order.tolist() == [3, 2, 1, 0] or order.tolist() == [3, 1, 2, 0]
    node_of = {proxy: 3 + place for place, proxy in enumerate(order.tolist())}
    assert tree.parents[:3].tolist() == [node_of[3], node_of[1], node_of[2]]
    assert tree.parents[node_of[3]] == node_of[1]
    assert tree.parents[node_of[1]] == tree.parents[node_of[2]] == node_of[0] == len(tree) - 1


@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 9999))
def test_proxy_trees_hold_every_point_and_no_childless_proxy(n, p, seed):
    rng = np.random.default_rng(seed)
    points, proxies = (rng.uniform(-1, 1, size=(k, 3)) for k in (n, p))
    tree, order = proxy_tree(points, proxies)
    assert tree.n_leaves == n and len(tree) == n + len(order)
    assert set(tree.parents[:-1]) == set(range(n, len(tree)))
    lengths = np.linalg.norm(proxies[order], axis=1)
    assert (np.diff(lengths) <= 0).all()
    for leaf in range(n):
        gaps = np.linalg.norm(points[leaf] - proxies, axis=1) ** 2
        gaps = gaps / (1 - 0.1 * (proxies**2).sum(1))
        assert order[tree.parents[leaf] - n] == gaps.argmin()


def test_points_meet_where_a_proxy_is_near_both():
    # On a line: 0 and 1 meet at 0.5 and 8 and 10 at 9, whereas 1 and 2 share none nearby.
    places = np.array([[0.0], [0.1], [0.2], [0.8], [1.0]])
    tree = meeting_tree(places, [[0.05], [0.9], [0.6]])
    partner = {leaf: set(np.flatnonzero(tree.parents == tree.parents[leaf])) for leaf in (0, 3)}
    assert partner == {0: {0, 1}, 3: {3, 4}}
    # With a proxy on 2 and none on 0, 1 goes with 2.
    tree = meeting_tree(places, [[0.15], [0.9], [0.6]])
    assert tree.parents[1] == tree.parents[2]


@given(st.integers(2, 8), st.integers(1, 6), st.integers(0, 9999))
def test_meeting_heights_are_the_minimum_over_proxies_of_the_larger_distance(n, p, seed):
    rng = np.random.default_rng(seed)
    points, proxies = (rng.uniform(-1, 1, size=(k, 3)) for k in (n, p))
    to = distance(torch.tensor(points), torch.tensor(proxies)).tolist()
    heights = [
        [min(max(a, b) for a, b in zip(to[i], to[j], strict=True)) for j in range(n)]
        for i in range(n)
    ]
    expected = linkage(
        [heights[i][j] for i, j in combinations(range(n), 2)], "average"
    )[:, :2].astype(int)  # fmt: skip
    tree = meeting_tree(points, proxies)
    for step, pair in enumerate(expected.tolist()):
        assert [tree.parents[node] for node in pair] == [n + step] * 2


def test_sums_over_leaves():
    tree = Tree(np.array([3, 3, 4, 4, -1]), 3)
    assert tree.add_up(np.array([1, 10, 100])).tolist() == [1, 10, 100, 11, 111]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Tree(np.array([2, 1, -1]), 2), r"parents \[2, 1, -1\] are no tree of 2 leaves"),
        (lambda: Tree(np.array([1, 2, -1]), 2), "are no tree of 2 leaves"),
        (lambda: Tree(np.array([2, 2, 3]), 2), "are no tree of 2 leaves"),
        (lambda: Tree(np.array([9, -1]), 1), "are no tree of 1 leaves"),
        (lambda: Tree(np.array([-1]), 5), "are no tree of 5 leaves"),
        (lambda: Tree(np.array([]), 0), "are no tree of 0 leaves"),
        (
            lambda: dendrogram_purity(Tree(np.array([2, 2, -1]), 2), [0]),
            r"labels have the shape \(1,\): expected \(2,\)",
        ),
        (
            lambda: dendrogram_purity(Tree(np.array([2, 2, -1]), 2), [0, 1]),
            "no two leaves share a label",
        ),
    ],
)
def test_what_is_no_tree_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
