"""The k most similar others of every row: exactly, or approximately where that is far cheaper.

`search` chooses. Exact search costs ``n * n * d`` multiplications: seconds for 18,000 rows, over an
hour for a million on two cores. Above `EXACT_UP_TO` rows an inverted file takes over, which looks
only into the cells nearest to a row, as many as it takes to find a wanted share of the true
neighbors. That share is measured on a sample, and part of the answer. `benchmarks/search.py` reads
what both cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import torch

from dnalib.progress import progress_bar

EXACT_UP_TO = 50_000
"""Rows up to which a CPU searches exactly: 20 s of one core for 50,000 rows of 384."""

TARGET_RECALL = 0.95
"""Share of the true neighbors that an approximate search must find on the sample."""

SAMPLE = 1000
"""Rows that the recall of an approximate search is measured on."""

BLOCK = 20_000
"""Rows searched at a time."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    indices : ndarray (n, k) int64
        Most similar first, the row itself left out.
    similarities : ndarray (n, k) float32
        Inner products; of an approximate search rounded as its half-precision copy is, to 1e-3.
    recall : float
        Share of the true k nearest that is among ``indices``: 1 if the search was exact, else
        measured on `SAMPLE` rows.
    """

    indices: np.ndarray
    similarities: np.ndarray
    recall: float = 1.0


def search(features: np.ndarray, k: int, *, seed: int = 0) -> Found:
    """Find the k most similar others of every row by inner product, by the cheapest good way.

    Exactly on a GPU if there is one, and on a CPU for up to `EXACT_UP_TO` rows; otherwise by
    `approximate`.

    Parameters
    ----------
    features : ndarray (n, d) float32
        Unit rows.
    k : int
        From 1 to n - 1.
    seed : int, default 0
        Of the cells and of the sample; an exact search draws nothing.
    """
    if torch.cuda.is_available():
        return exact_by_blocks(torch.from_numpy(features).cuda(), k)
    if len(features) <= EXACT_UP_TO:
        return exact(features, k)
    return approximate(features, k, seed=seed)


def exact(features: np.ndarray, k: int) -> Found:
    """Compare every row with every other: FAISS's blocked matrix product."""
    similarities, indices = faiss.knn(features, features, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    return Found(*without_self(indices, similarities))


def exact_by_blocks(features: torch.Tensor, k: int, elements: int = 2**28) -> Found:
    """Compare every row with every other on the device that holds ``features (n, d)``.

    Parameters
    ----------
    features : Tensor (n, d)
    k : int
    elements : int, default 2**28
        Similarities held at a time; 1 GiB of them in float32.
    """
    rows = max(1, elements // len(features))
    tops = [(block @ features.T).topk(k + 1) for block in features.split(rows)]
    similarities = torch.cat([top.values for top in tops]).cpu().numpy()
    indices = torch.cat([top.indices for top in tops]).cpu().numpy()
    return Found(*without_self(indices, similarities))


def approximate(
    features: np.ndarray, k: int, *, target: float = TARGET_RECALL, seed: int = 0
) -> Found:
    r"""Compare every row with those of the cells nearest to it: an inverted file (IVF).

    k-means cuts the rows into :math:`2\sqrt{n}` cells, stored in half precision. Every row is
    compared with the rows of its nearest cells; their number is doubled until the sample's recall
    reaches ``target``. Rows are searched cell by cell, so that neighboring queries read the same
    cells from the processor's cache, which halves the time.

    Parameters
    ----------
    features : ndarray (n, d) float32
        Unit rows.
    k : int
    target : float, default `TARGET_RECALL`
        1 looks into every cell if it must.
    seed : int, default 0

    References
    ----------
    Sivic & Zisserman, Video Google, ICCV 2003; Douze et al., The Faiss library, 2024.
    """
    index = _inverted_file(features, seed)
    recall = _open_cells(index, features, k, target, seed)
    indices = np.empty((len(features), k + 1), dtype=np.int64)
    similarities = np.empty((len(features), k + 1), dtype=np.float32)
    by_cell = _rows_by_cell(index)
    with progress_bar(len(features), "searching", "text") as bar:
        for start in range(0, len(by_cell), BLOCK):
            rows = by_cell[start : start + BLOCK]
            similarities[rows], indices[rows] = _search_rows(index, features[rows], k + 1)
            bar.update(len(rows))
    return Found(*without_self(indices, similarities), recall)


def without_self(indices: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row's own index from lists ``(n, k + 1)`` of all n rows, giving ``(n, k)``."""
    return _without(np.arange(len(indices)), indices, similarities)


def _without(
    own: np.ndarray, indices: np.ndarray, similarities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = indices.shape
    is_self = indices == own[:, None]
    # Among more than k exact duplicates a row may not find itself: then its last one goes.
    is_self[~is_self.any(axis=1), -1] = True
    shape = (rows, columns - 1)
    return indices[~is_self].reshape(shape), similarities[~is_self].reshape(shape)


def _inverted_file(features: np.ndarray, seed: int) -> faiss.IndexIVF:
    n, d = features.shape
    cells = round(2 * np.sqrt(n))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(d), d, cells, faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT, False,
    )  # fmt: skip
    index.cp.seed = seed
    index.cp.spherical = True
    # Rough cells are as good as finished ones, and take a tenth of the time.
    index.cp.niter = 6
    index.cp.max_points_per_centroid = 40
    index.cp.min_points_per_centroid = 1
    index.train(features)
    index.add(features)
    return index


def _open_cells(
    index: faiss.IndexIVF, features: np.ndarray, k: int, target: float, seed: int
) -> float:
    """Double the cells that ``index`` looks into until ``target`` is reached; return the recall."""
    n = len(features)
    sample = np.random.default_rng(seed).choice(n, min(SAMPLE, n), replace=False)
    queries = features[sample]
    best, found = faiss.knn(queries, features, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    _, best = _without(sample, found, best)
    index.nprobe = 1
    while True:
        similarities, found = _search_rows(index, queries, k + 1)
        found, _ = _without(sample, found, similarities)
        recall = _recall(queries, features, found, best[:, -1])
        if recall >= target or index.nprobe >= index.nlist:
            return recall
        index.nprobe = min(2 * index.nprobe, index.nlist)


def _recall(
    queries: np.ndarray, features: np.ndarray, found: np.ndarray, worst: np.ndarray
) -> float:
    """Share of ``found`` that is no worse than the last true neighbor; ties may go either way."""
    similarities = np.stack([features[row] @ query for query, row in zip(queries, found)])
    return float((similarities >= worst[:, None] - 1e-6).mean())


def _search_rows(
    index: faiss.IndexIVF, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    similarities, indices = index.search(queries, k)
    probes = index.nprobe
    while (short := np.flatnonzero(indices[:, -1] < 0)).size:
        # The cells held fewer than k rows: look into more of them, for these queries only.
        probes = min(2 * probes, index.nlist)
        wider = faiss.SearchParametersIVF(nprobe=probes)
        similarities[short], indices[short] = index.search(queries[short], k, params=wider)
    return similarities, indices


def _rows_by_cell(index: faiss.IndexIVF) -> np.ndarray:
    lists = index.invlists
    return np.concatenate(
        [
            faiss.rev_swig_ptr(lists.get_ids(cell), lists.list_size(cell))
            for cell in range(index.nlist)
            if lists.list_size(cell)
        ]
    )
