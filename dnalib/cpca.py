"""Contrastive PCA: directions in which targets vary and a reference set does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.cluster import SpectralClustering
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from dnalib.clustering import kmeans
from dnalib.clustering.kmeans import finite_matrix

ALPHAS = (0.0, *np.geomspace(0.1, 1000, 40))
"""The weights of the reference that Abid et al. try; 0 is plain PCA."""

LARGEST_REFERENCE_SHARE = 0.5
"""Of the targets' variance, what the reference may have in a projection that was rid of it."""


@dataclass(frozen=True, eq=False)
class ContrastivePCA:
    """A projection.

    Attributes
    ----------
    alpha : float
        Weight of the reference's covariance.
    components : ndarray (d, k)
        Orthonormal columns.
    mean : ndarray (d,)
        Of the targets.
    """

    alpha: float
    components: np.ndarray
    mean: np.ndarray

    def transform(self, inputs: ArrayLike) -> np.ndarray:
        """Return the coordinates ``(n, k)`` of inputs ``(n, d)``, or of n images of d pixels."""
        return (_rows("inputs", inputs) - self.mean) @ self.components


def contrastive_pca(
    targets: ArrayLike, reference: ArrayLike, n_components: int = 10, *, alpha: float
) -> ContrastivePCA:
    r"""Return the leading eigenvectors of :math:`C_\text{target} - \alpha C_\text{reference}`.

    Parameters
    ----------
    targets, reference : array_like (n, d), (r, d)
        Vectors, or images, which are taken as rows of pixels. Each is centered on its own mean.
    n_components : int, default 10
        Eigenvectors to keep, at most d.
    alpha : float
        0 gives the PCA of the targets; the larger, the more a direction costs in which the
        reference varies.

    Returns
    -------
    ContrastivePCA

    Raises
    ------
    ValueError
        If targets and reference differ in length, or a number is out of its range.

    References
    ----------
    Abid et al., Exploring patterns enriched in a dataset with contrastive principal component
    analysis, Nature Communications 2018.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> loud, quiet = 9 * rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    >>> targets, reference = np.hstack([loud, quiet]), np.hstack([loud, 0 * quiet])
    >>> contrastive_pca(targets, reference, 1, alpha=2.0).components.ravel().round(1) ** 2
    array([0., 1.])
    """
    targets, reference = _rows("targets", targets), _rows("reference", reference)
    if targets.shape[1] != reference.shape[1]:
        raise ValueError(
            f"targets have {targets.shape[1]} coordinates and the reference {reference.shape[1]}: "
            "expected as many"
        )
    if not 1 <= n_components <= targets.shape[1] or not 0 <= alpha < np.inf:
        raise ValueError(
            f"n_components is {n_components} and alpha {alpha}: expected 1 to "
            f"{targets.shape[1]} components and a finite alpha of at least 0"
        )
    contrast = _covariance(targets) - alpha * _covariance(reference)
    # The largest eigenvalues come last.
    vectors = np.linalg.eigh(contrast)[1][:, ::-1]
    return ContrastivePCA(alpha, vectors[:, :n_components], targets.mean(axis=0))


def propose_alphas(
    targets: ArrayLike,
    reference: ArrayLike,
    n_components: int = 10,
    *,
    alphas: Sequence[float] = ALPHAS,
    n_proposals: int = 4,
    seed: int = 0,
) -> list[ContrastivePCA]:
    """Return projections that stand for all that the alphas have to offer, PCA first.

    The subspaces of all alphas are grouped by spectral clustering, where two are as alike as the
    product of the cosines of their principal angles; each group is represented by the member
    that is most like the others. This is the paper's automatic choice.

    Parameters
    ----------
    targets, reference, n_components
        As in `contrastive_pca`.
    alphas : sequence of float
        Ascending, the first one 0.
    n_proposals : int, default 4
        Groups, of which the one of PCA is represented by PCA.
    seed : int, default 0
        Of the spectral clustering.
    """
    candidates = [contrastive_pca(targets, reference, n_components, alpha=a) for a in alphas]
    affinity = np.array([[_alike(one, other) for other in candidates] for one in candidates])
    groups = SpectralClustering(n_proposals, affinity="precomputed", random_state=seed).fit_predict(
        affinity
    )
    chosen = {0}
    for group in set(groups) - {groups[0]}:
        members = np.flatnonzero(groups == group)
        chosen.add(members[affinity[np.ix_(members, members)].sum(axis=1).argmax()])
    return [candidates[place] for place in sorted(chosen)]


def compress(
    targets: ArrayLike, reference: ArrayLike, n_components: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets in the leading principal components of the two together.

    With thousands of pixels the eigenvectors of 41 alphas take minutes otherwise; the authors'
    code has such a step as well. Sets that are not longer than ``n_components`` are only flattened;
    no more components are taken than there are rows.
    """
    targets, reference = _rows("targets", targets), _rows("reference", reference)
    if targets.shape[1] <= n_components:
        return targets, reference
    together = np.concatenate([targets, reference])
    pooled = PCA(min(n_components, len(together)), random_state=0).fit(together)
    return pooled.transform(targets), pooled.transform(reference)


def choose_by_silhouette(
    proposals: Sequence[ContrastivePCA],
    targets: ArrayLike,
    reference: ArrayLike,
    n_clusters: int,
    seed: int = 0,
) -> ContrastivePCA:
    """Return the proposal that is rid of the reference and has the clearest clusters.

    The paper leaves the last choice to the eye. Here, of the proposals in which the reference has
    at most half of the targets' variance, the largest mean silhouette width of k-means decides. It
    needs the number of clusters, as k-means does, and no labels. If all proposals have more of the
    reference, it is the one with the largest alpha.
    """
    rid = [
        p for p in proposals if _reference_share(p, targets, reference) <= LARGEST_REFERENCE_SHARE
    ]
    if not rid:
        return proposals[-1]
    return max(rid, key=lambda proposal: _clearness(proposal, targets, n_clusters, seed))


def _reference_share(proposal: ContrastivePCA, targets: ArrayLike, reference: ArrayLike) -> float:
    variance = [proposal.transform(rows).var(axis=0).sum() for rows in (reference, targets)]
    return variance[0] / variance[1]


def _clearness(proposal: ContrastivePCA, targets: ArrayLike, n_clusters: int, seed: int) -> float:
    coordinates = proposal.transform(targets)
    labels = kmeans(coordinates, n_clusters, n_init=5, seed=seed).labels
    return silhouette_score(coordinates, labels, sample_size=2000, random_state=seed)


def _alike(one: ContrastivePCA, other: ContrastivePCA) -> float:
    cosines = np.linalg.svd(one.components.T @ other.components, compute_uv=False)
    return float(np.prod(np.minimum(cosines, 1)))


def _rows(name: str, inputs: ArrayLike) -> np.ndarray:
    inputs = np.asarray(inputs, dtype=np.float64)
    return finite_matrix(inputs.reshape(len(inputs), -1), name)


def _covariance(rows: np.ndarray) -> np.ndarray:
    centered = rows - rows.mean(axis=0)
    return centered.T @ centered / len(rows)
