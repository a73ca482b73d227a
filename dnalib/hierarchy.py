"""Trees over points: out of HIER's proxies or by average linkage, and how pure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import linkage

from dnalib.hyperbolic import CURVATURE, distance


@dataclass(frozen=True, eq=False)
class Tree:
    """A rooted tree: leaves first, every node before its parent, the root last.

    Attributes
    ----------
    parents : ndarray (n_nodes,) int64
        Of each node; -1 for the root.
    n_leaves : int
        The nodes 0 to ``n_leaves - 1`` are the points.

    Raises
    ------
    ValueError
        If a node comes after its parent, or a leaf has children.
    """

    parents: np.ndarray
    n_leaves: int

    def __post_init__(self):
        parents = np.asarray(self.parents)
        below = parents[:-1]
        if not (
            0 < self.n_leaves <= len(parents)
            and parents[-1] == -1
            and (below > np.arange(len(below))).all()
            and (self.n_leaves <= below).all()
            and (below < len(parents)).all()
        ):
            raise ValueError(
                f"parents {parents.tolist()[:9]} are no tree of {self.n_leaves} leaves: expected "
                "inner nodes as parents, each after its children, and -1 for the last"
            )

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def depths(self) -> np.ndarray:
        """Edges from the root to each node, ``(n_nodes,)`` int64."""
        depths = np.zeros(len(self), dtype=np.int64)
        for node in range(len(self) - 2, -1, -1):
            depths[node] = depths[self.parents[node]] + 1
        return depths

    def add_up(self, of_leaves: np.ndarray) -> np.ndarray:
        """Return for each node the sum over the leaves below it, ``(n_nodes, ...)``."""
        sums = np.zeros((len(self), *of_leaves.shape[1:]), dtype=of_leaves.dtype)
        sums[: self.n_leaves] = of_leaves
        for node, parent in enumerate(self.parents[:-1]):
            sums[parent] += sums[node]
        return sums


def proxy_tree(
    points: ArrayLike, proxies: ArrayLike, c: float = CURVATURE
) -> tuple[Tree, np.ndarray]:
    """Hang points under HIER's proxies, and proxies under each other.

    The parent of a point is its nearest proxy: the one that HIER's rule picks as common ancestor
    of the point with itself. The parent of a proxy is the nearest of those that lie closer to the
    origin; the proxy closest of all is the root. HIER itself asks for the common ancestors of
    pairs only: that they form one tree, and this one, is our reading.

    Parameters
    ----------
    points : array_like (n, d)
        In the Poincaré ball.
    proxies : array_like (p, d)
        Likewise.
    c : float, default 0.1
        Minus the curvature.

    Returns
    -------
    Tree
        Without the proxies that have no point below them.
    ndarray of int64
        Which proxy each inner node is, in the order of the nodes.

    Examples
    --------
    >>> tree, proxies = proxy_tree([[1.0, 0.0], [0.0, 1.0]], [[0.8, 0.0], [0.0, 0.7], [0.1, 0.1]])
    >>> tree.parents.tolist(), proxies.tolist()
    ([2, 3, 4, 4, -1], [0, 1, 2])
    """
    points, proxies = _in_double(points), _in_double(proxies)
    outward = torch.argsort(proxies.norm(dim=1), descending=True, stable=True)
    proxies = proxies[outward]
    n, p = len(points), len(proxies)
    among = distance(proxies, proxies, c).numpy()
    among[np.tri(p, dtype=bool)] = np.inf  # only those further in, which come later
    nearest = distance(points, proxies, c).argmin(1).numpy()
    parents = np.concatenate([nearest, among.argmin(1)]) + n
    parents[-1] = -1
    full = Tree(parents, n)
    kept = full.add_up(np.ones(n, dtype=np.int64)) > 0
    number = np.cumsum(kept) - 1
    return (
        Tree(np.append(number[parents[kept][:-1]], -1), n),
        outward.numpy()[kept[n:]],
    )


def linkage_tree(features: ArrayLike, method: str = "average", metric: str = "cosine") -> Tree:
    """Return the binary tree of agglomerative clustering, scikit-learn's and SciPy's usual one.

    Parameters
    ----------
    features : array_like (n, d)
        At least two rows.
    method, metric : str
        As in `scipy.cluster.hierarchy.linkage`.
    """
    return _binary_tree(linkage(np.asarray(features), method, metric))


def meeting_tree(points: ArrayLike, proxies: ArrayLike, c: float = CURVATURE) -> Tree:
    r"""Return the binary tree of average linkage by how far two points are from their ancestor.

    The ancestor is the one that HIER's rule picks at temperature 0, so that this distance is
    :math:`\min_\rho \max(d(i, \rho), d(j, \rho))`. It needs no reading of what a proxy's parent
    is, as `proxy_tree` does, and is as fine as the trees of `linkage_tree`.

    Parameters
    ----------
    points : array_like (n, d)
        In the Poincaré ball, at least two.
    proxies : array_like (p, d)
        Likewise.
    c : float, default 0.1
        Minus the curvature.
    """
    to_proxies = distance(_in_double(points), _in_double(proxies), c).numpy()
    heights = np.stack([np.maximum(row, to_proxies).min(axis=1) for row in to_proxies])
    return _binary_tree(linkage(heights[np.triu_indices(len(heights), 1)], "average"))


def _binary_tree(merges: np.ndarray) -> Tree:
    """Return SciPy's matrix of n - 1 merges as a tree of n leaves."""
    n = len(merges) + 1
    parents = np.full(2 * n - 1, -1)
    parents[merges[:, :2].astype(np.int64)] = np.arange(n, 2 * n - 1)[:, None]
    return Tree(parents, n)


def _in_double(points: ArrayLike) -> torch.Tensor:
    return torch.as_tensor(np.asarray(points), dtype=torch.float64)


def dendrogram_purity(tree: Tree, labels: ArrayLike) -> float:
    r"""Mean over pairs of leaves of one label of how pure the smallest subtree with both is.

    .. math::
        \frac{1}{|P|} \sum_{(i, j) \in P}
            \frac{|\mathrm{leaves}(\mathrm{lca}(i, j)) \cap y_i|}
                 {|\mathrm{leaves}(\mathrm{lca}(i, j))|}

    (Heller and Ghahramani, Bayesian Hierarchical Clustering, ICML 2005), P being the pairs i < j
    with the same label. All pairs that meet in one node are counted at once, so that it costs
    nodes times labels instead of pairs times leaves.

    Parameters
    ----------
    tree : Tree
    labels : array_like (n_leaves,)

    Returns
    -------
    float
        1 if every label fills a subtree of its own. A tree that is a single node over all leaves
        gets the mean share of a label, weighted by its pairs.

    Raises
    ------
    ValueError
        If there is not one label a leaf, or no two leaves share one.

    Examples
    --------
    >>> dendrogram_purity(Tree(np.array([4, 4, 5, 5, 6, 6, -1]), 4), [0, 0, 1, 1])
    1.0
    """
    labels = np.asarray(labels)
    if labels.shape != (tree.n_leaves,):
        raise ValueError(f"labels have the shape {labels.shape}: expected ({tree.n_leaves},)")
    ids = np.unique(labels, return_inverse=True)[1]
    counts = tree.add_up(np.eye(ids.max() + 1)[ids])  # (n_nodes, n_labels)
    pairs = counts * (counts - 1) / 2
    if not pairs[-1].any():
        raise ValueError("no two leaves share a label: expected at least one pair")
    meeting = pairs.copy()
    np.subtract.at(meeting, tree.parents[:-1], pairs[:-1])
    purity = counts / np.maximum(counts.sum(1, keepdims=True), 1)  # a node may have no leaf
    return float((meeting * purity).sum() / pairs[-1].sum())


def chance_purity(tree: Tree, labels: ArrayLike, *, draws: int = 20, seed: int = 0) -> float:
    """Return the mean dendrogram purity of labels dealt to the leaves at random."""
    rng = np.random.default_rng(seed)
    dealt = (rng.permutation(np.asarray(labels)) for _ in range(draws))
    return float(np.mean([dendrogram_purity(tree, labels) for labels in dealt]))
