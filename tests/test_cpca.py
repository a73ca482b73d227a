"""Contrastive PCA: what it is at the two ends of alpha, and what it finds between them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from dnalib.clustering import accuracy, kmeans
from dnalib.cpca import (
    ALPHAS,
    choose_by_silhouette,
    compress,
    contrastive_pca,
    propose_alphas,
)


def make_hidden_groups(seed=0, n=300, d=12):
    """Two groups apart by little in coordinate 0; loud noise in 6 and 7, which both sets have."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    targets, reference = (0.3 * rng.normal(size=(n, d)) for _ in range(2))
    targets[:, 0] += np.where(labels, 1.5, -1.5)
    for rows in (targets, reference):
        rows[:, 6:8] += 6 * rng.normal(size=(n, 2))
    return targets, reference, labels


def test_alpha_0_is_pca():
    targets, reference, _ = make_hidden_groups()
    ours = contrastive_pca(targets, reference, 3, alpha=0)
    theirs = PCA(3).fit(targets)
    np.testing.assert_allclose(
        np.abs(ours.components.T @ theirs.components_.T), np.eye(3), atol=1e-9
    )
    np.testing.assert_allclose(
        np.abs(ours.transform(targets)), np.abs(theirs.transform(targets)), atol=1e-9
    )


def test_components_are_orthonormal_and_maximize_the_contrast():
    targets, reference, _ = make_hidden_groups()
    found = contrastive_pca(targets, reference, 2, alpha=1.7).components
    np.testing.assert_allclose(found.T @ found, np.eye(2), atol=1e-12)

    def contrast(direction):
        return (targets @ direction).var() - 1.7 * (reference @ direction).var()

    rng = np.random.default_rng(1)
    others = rng.normal(size=(200, 12))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert contrast(found[:, 0]) >= max(contrast(direction) for direction in others)


def test_a_very_large_alpha_leaves_what_the_reference_lacks():
    targets, reference, _ = make_hidden_groups()
    reference[:, 3] = 0
    direction = contrastive_pca(targets, reference, 1, alpha=1e9).components[:, 0]
    assert abs(direction[3]) > 0.999


def test_images_are_rows_of_pixels():
    rng = np.random.default_rng(0)
    images, reference = rng.random((20, 4, 3)), rng.random((15, 4, 3))
    flat = contrastive_pca(images.reshape(20, 12), reference.reshape(15, 12), 2, alpha=1)
    np.testing.assert_array_equal(
        contrastive_pca(images, reference, 2, alpha=1).transform(images),
        flat.transform(images.reshape(20, 12)),
    )


def test_it_finds_groups_that_pca_does_not_with_an_alpha_chosen_without_labels():
    targets, reference, labels = make_hidden_groups()
    proposals = propose_alphas(targets, reference, 2)
    assert proposals[0].alpha == 0 and 2 <= len(proposals) <= 4
    assert {proposal.alpha for proposal in proposals} <= set(ALPHAS)
    chosen = choose_by_silhouette(proposals, targets, reference, 2)
    found = {
        proposal.alpha: accuracy(labels, kmeans(proposal.transform(targets), 2).labels)
        for proposal in (proposals[0], chosen)
    }
    assert found[0] < 0.7 and found[chosen.alpha] > 0.95 and chosen.alpha > 0


def test_compression_loses_nothing_that_is_there():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(30, 5)))[0].T
    targets, reference = (rng.normal(size=(n, 5)) @ basis for n in (40, 50))
    small = compress(targets, reference, 5)
    assert [rows.shape for rows in small] == [(40, 5), (50, 5)]
    for one, other in zip(small, (targets, reference), strict=True):
        distances = (np.linalg.norm(x[:, None] - x, axis=2) for x in (one, other))
        np.testing.assert_allclose(*distances, atol=1e-9)
    np.testing.assert_array_equal(compress(targets.reshape(40, 6, 5), reference)[0], targets)


def test_few_rows_are_compressed_to_as_many_components():
    rng = np.random.default_rng(0)
    small = compress(rng.normal(size=(6, 5, 8)), rng.normal(size=(5, 5, 8)), 20)
    assert [rows.shape for rows in small] == [(6, 11), (5, 11)]


def test_clear_clusters_of_the_reference_do_not_decide():
    rng = np.random.default_rng(0)
    targets, reference = (0.3 * rng.normal(size=(300, 6)) for _ in range(2))
    for rows in (targets, reference):
        rows[:, 1] += 9 * rng.choice([-1, 1], size=300)
    labels = rng.integers(2, size=300)
    targets[:, 0] += np.where(labels, 1, -1)
    pca, contrast = (contrastive_pca(targets, reference, 1, alpha=alpha) for alpha in (0, 10))
    assert choose_by_silhouette([pca, contrast], targets, reference, 2) is contrast
    assert choose_by_silhouette([pca], targets, reference, 2) is pca


@pytest.mark.parametrize(
    ("d_reference", "keywords", "message"),
    [
        (5, {"alpha": 1}, "targets have 4 coordinates and the reference 5"),
        (4, {"alpha": -1}, "n_components is 2 and alpha -1: expected 1 to 4 components"),
        (4, {"alpha": 1, "n_components": 5}, "n_components is 5"),
        (4, {"alpha": float("nan")}, "alpha nan: expected .* and a finite alpha"),
    ],
)
def test_what_does_not_fit_is_named(d_reference, keywords, message):
    with pytest.raises(ValueError, match=message):
        contrastive_pca(
            np.ones((6, 4)), np.ones((6, d_reference)), **{"n_components": 2, **keywords}
        )
