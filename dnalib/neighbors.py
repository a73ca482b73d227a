"""Neighbors of every text, and the three filters that DNA cleans them with.

A neighbor of a text is another text with a large inner product; retrieved by similarity alone,
many of them belong to another fine category. DNA keeps neighbor j of query i only if

- **label**: both have the same coarse label,
- **reciprocal**: i is among the neighbors of j as well,
- **rank statistic**: the m largest coordinates of both features are the same ones, as a set.

Every filter is a pure function from ``indices (n, k)`` to ``keep (n, k)``; none of them ever
forms an n by n array. Source: An et al., *DNA: Denoised Neighborhood Aggregation for
Fine-grained Category Discovery*, EMNLP 2023, and its released code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_array

from dnalib.search import Found, search

FILTERS = ("label", "reciprocal", "rank")
DROPPED = -1


@dataclass(frozen=True)
class NeighborGraph:
    """The k nearest others of each of n texts, and which of them are kept.

    Attributes
    ----------
    indices : ndarray (n, k) int64
        Neighbors of each text, most similar first, the text itself left out.
    similarities : ndarray (n, k) float32
        Inner products with them.
    keep : ndarray (n, k) bool
        True where a neighbor passed all filters.
    search_recall : float, default 1.0
        Share of the true k nearest that the search found: 1 for an exact search, else measured on
        a sample (`dnalib.search`).
    """

    indices: np.ndarray
    similarities: np.ndarray
    keep: np.ndarray
    search_recall: float = 1.0

    @property
    def n(self) -> int:
        """Number of texts."""
        return self.indices.shape[0]

    @property
    def k(self) -> int:
        """Neighbors retrieved for each text."""
        return self.indices.shape[1]

    @property
    def kept_share(self) -> float:
        """Share of the retrieved neighbors that are kept, in [0, 1]."""
        return float(self.keep.mean())

    def restrict(self, keep: np.ndarray) -> NeighborGraph:
        """Return the graph that also drops every neighbor where ``keep (n, k)`` is False."""
        return replace(self, keep=self.keep & keep)

    def positives(self) -> np.ndarray:
        """Return the kept neighbors ``(n, k)`` int64, with -1 where one was dropped."""
        return np.where(self.keep, self.indices, DROPPED)


def retrieve(features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest others of every row by inner product.

    Exactly, but for the very large inputs that `dnalib.search.search` takes a faster way for.

    Parameters
    ----------
    features : ndarray (n, d)
        Unit rows, so that the inner product is the cosine.
    k : int
        Neighbors of each row, from 1 to n - 1.

    Returns
    -------
    indices : ndarray (n, k) int64
        Most similar first, the row itself left out.
    similarities : ndarray (n, k) float32

    Raises
    ------
    ValueError
        If k is out of range, or features are not finite or too long for inner products.
    """
    found = _checked_search(features, k)
    return found.indices, found.similarities


def _checked_search(features: np.ndarray, k: int) -> Found:
    features = np.ascontiguousarray(features, dtype=np.float32)
    if features.ndim != 2:
        raise ValueError(f"features have shape {features.shape}: expected (n, d), a row for a text")
    n = len(features)
    if k is None or not 1 <= k < n:
        raise ValueError(
            f"k is {k} but there are {n} texts: expected 1 to {n - 1} neighbors; "
            f"{'set' if k is None else 'lower'} k"
        )
    if not np.isfinite(features).all():
        raise ValueError("features hold NaN or infinity: expected finite numbers; check training")
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->i", features, features)
    if not np.isfinite(squares).all():
        row = int(np.argmax(squares))
        raise ValueError(
            f"feature {row} holds {np.abs(features[row]).max():.3g}, too much for inner products: "
            "expected rows of length 1; normalize them"
        )
    return search(features, k)


def label_filter(indices: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Keep the neighbors with the query's own coarse label.

    Parameters
    ----------
    indices : ndarray (n, k) int64
    coarse : ndarray (n,) int64
        Coarse label of every text.

    Returns
    -------
    keep : ndarray (n, k) bool
    """
    return _same_label(indices, "coarse labels", coarse)


def _same_label(indices: np.ndarray, name: str, labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    _check(indices, name, labels)
    return labels[indices] == labels[:, None]


def reciprocal_filter(indices: np.ndarray) -> np.ndarray:
    """Keep neighbor j of query i only if i is among the neighbors of j.

    Works on the lists as retrieved, before any other filter, as in the released code.

    Parameters
    ----------
    indices : ndarray (n, k) int64

    Returns
    -------
    keep : ndarray (n, k) bool
    """
    _check(indices)
    n, k = indices.shape
    mutual = _mutual_places(indices)
    keep = np.zeros(n * k, dtype=bool)
    keep[mutual] = True
    return keep.reshape(n, k)


def _mutual_places(indices: np.ndarray) -> np.ndarray:
    """Return where in the raveled lists the pairs (i, j) stand whose (j, i) is listed as well.

    The pairs are a sparse matrix whose entries say where they stand. Multiplied by its transposed
    pattern, entry by entry, it keeps the mutual ones. Both have sorted rows by counting only,
    which takes a tenth of the time that sorting them would.
    """
    n, k = indices.shape
    whole = np.int32 if n * k < 2**31 else np.int64
    places, row_starts = np.arange(n * k, dtype=whole), np.arange(0, n * k + 1, k, dtype=whole)
    listed = csr_array((places, indices.ravel().astype(whole), row_starts), shape=(n, n)).tocsc()
    del places
    by_row = listed.tocsr()
    if not by_row.has_canonical_format:
        raise ValueError("a row of indices lists a text twice: expected k different neighbors")
    by_row.data += 1  # a product of 0 would look like no entry
    listed.data[:] = 1
    reversed_pairs, step = listed.T, -(-n // 8)
    blocks = [slice(first, first + step) for first in range(0, n, step)]
    # An eighth at a time: the product first takes twice the memory that it needs.
    return np.concatenate([by_row[b].multiply(reversed_pairs[b]).data for b in blocks]) - 1


def rank_filter(indices: np.ndarray, features: np.ndarray, m: int = 5) -> np.ndarray:
    """Keep neighbors whose m largest coordinates are the query's, in any order.

    Parameters
    ----------
    indices : ndarray (n, k) int64
    features : ndarray (n, d)
        The features that the neighbors were retrieved with; signed values count.
    m : int, default 5
        Coordinates compared; the larger, the stricter.

    Returns
    -------
    keep : ndarray (n, k) bool
    """
    _check(indices, "features", features)
    dimensions = features.shape[1]
    if not 1 <= m <= dimensions:
        raise ValueError(f"m is {m}: expected 1 to {dimensions}, the length of a feature")
    top = torch.as_tensor(features).topk(m, dim=1).indices.sort(dim=1).values
    _, group = np.unique(top.numpy(), axis=0, return_inverse=True)
    group = group.reshape(-1)
    return group[indices] == group[:, None]


def _check(indices: np.ndarray, name: str = "", rows: np.ndarray = ()) -> None:
    """Refuse indices that are not of n texts, n being the length of ``rows`` where it is given.

    An index of -1, a dropped neighbor's, would be read as the last text.
    """
    if indices.ndim != 2 or not indices.size or indices.dtype.kind not in "iu":
        raise ValueError(
            f"indices have shape {indices.shape} and type {indices.dtype}: expected (n, k) "
            "whole numbers, as of retrieve"
        )
    n = len(indices)
    if name and len(rows) != n:
        raise ValueError(f"there are {len(rows)} {name} for {n} rows of indices: expected {n}")
    if not (0 <= indices.min() and indices.max() < n):
        raise ValueError(
            f"indices lie from {indices.min()} to {indices.max()}: expected 0 to {n - 1}, "
            "the texts there are"
        )


def build_graph(
    features: np.ndarray,
    coarse: np.ndarray,
    k: int,
    filters: Iterable[str] = FILTERS,
    m: int = 5,
) -> NeighborGraph:
    """Retrieve k neighbors of every text and apply ``filters``.

    Parameters
    ----------
    features : ndarray (n, d)
        Unit rows.
    coarse : ndarray (n,) int64
    k : int
        Neighbors retrieved before filtering.
    filters : iterable of {"label", "reciprocal", "rank"}
        A neighbor stays if all of them keep it; none of them keeps every neighbor.
    m : int, default 5
        Of the rank filter.
    """
    filters = tuple(filters)
    for name in filters:
        if name not in FILTERS:
            raise ValueError(f"filter {name!r} is unknown: expected one of {', '.join(FILTERS)}")
    found = _checked_search(features, k)
    everything = np.ones(found.indices.shape, dtype=bool)
    graph = NeighborGraph(found.indices, found.similarities, everything, found.recall)
    return apply_filters(graph, features, coarse, filters, m)


def apply_filters(
    graph: NeighborGraph,
    features: np.ndarray,
    coarse: np.ndarray,
    filters: Iterable[str],
    m: int = 5,
) -> NeighborGraph:
    """Return the graph that also drops what any of the filters drops.

    Parameters
    ----------
    graph : NeighborGraph
    features, coarse, filters, m
        As in `build_graph`.
    """
    if "label" in filters:
        graph = graph.restrict(label_filter(graph.indices, coarse))
    if "reciprocal" in filters:
        graph = graph.restrict(reciprocal_filter(graph.indices))
    if "rank" in filters:
        graph = graph.restrict(rank_filter(graph.indices, features, m))
    return graph


def precision(graph: NeighborGraph, fine: np.ndarray) -> float:
    """Share of the kept neighbors that have the query's fine label, in [0, 1]; NaN if none is kept.

    The "neighbor accuracy" of DNA's released code.
    """
    kept = int(graph.keep.sum())
    return int((_same_fine(graph, fine) & graph.keep).sum()) / kept if kept else float("nan")


def recall(graph: NeighborGraph, fine: np.ndarray) -> float:
    """Share of the same-fine others that k neighbors could hold and that are kept, in [0, 1].

    For each query, of ``min(k, size of its fine category - 1)``.
    """
    _, ids, sizes = np.unique(fine, return_inverse=True, return_counts=True)
    others = sizes[ids] - 1
    possible = int(np.minimum(others, graph.k).sum())
    kept = int((_same_fine(graph, fine) & graph.keep).sum())
    return kept / possible if possible else float("nan")


def _same_fine(graph: NeighborGraph, fine: np.ndarray) -> np.ndarray:
    return _same_label(graph.indices, "fine labels", fine)


def released_positives(graph: NeighborGraph, queries: np.ndarray) -> np.ndarray:
    """Positives of a batch as DNA's released code has them, its faults included.

    There a mask over all texts is set at every neighbor, filtered ones being written as -1, which
    Python reads as the last text; what was meant to leave the query out clears the query's
    *position in the batch*. So: the query itself is a positive; the last training text is one
    as soon as any neighbor was filtered; and query b of the batch loses text b.

    Parameters
    ----------
    graph : NeighborGraph
    queries : ndarray (b,) int64
        The texts of the batch, in order.

    Returns
    -------
    positives : ndarray (b, k + 2) int64
        Padded with -1.
    """
    neighbors = np.where(graph.keep[queries], graph.indices[queries], DROPPED)
    any_filtered = (neighbors == DROPPED).any(axis=1)
    last = graph.n - 1
    # Setting the same element of a mask twice changes nothing: no text may be counted twice.
    last_is_new = any_filtered & (queries != last) & ~(neighbors == last).any(axis=1)
    last_column = np.where(last_is_new, last, DROPPED)
    positives = np.column_stack([queries, neighbors, last_column])
    positions = np.arange(len(queries))[:, None]
    return np.where(positives == positions, DROPPED, positives)
