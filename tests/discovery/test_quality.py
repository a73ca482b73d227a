"""Which coarse labels look wrong."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from dnalib.clustering import ParentedClustering
from dnalib.discovery import quality
from dnalib.discovery.sorting import Sorter


@pytest.mark.parametrize(
    ("sizes", "n_folds"), [((149, 149, 2), 5), ((3, 2, 1), 3), ((2, 2), 2), ((9, 1), 0)]
)
def test_a_small_label_leaves_the_others_their_folds(monkeypatch, sizes, n_folds):
    fitted = []

    class Watched(quality.LogisticRegression):
        def fit(self, features, labels):
            fitted.append(set(labels.tolist()))
            return super().fit(features, labels)

    monkeypatch.setattr(quality, "LogisticRegression", Watched)
    coarse = np.repeat(np.arange(len(sizes)), sizes)
    embeddings = np.eye(len(sizes))[coarse]
    embeddings += np.random.default_rng(0).normal(scale=0.01, size=embeddings.shape)
    embeddings[0] = embeddings[sizes[0]]  # a row of label 0 that looks like label 1
    names = [f"label {number}" for number in range(len(sizes))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = quality.suspicious_labels(embeddings, coarse, names)
    assert fitted == [{c for c, size in enumerate(sizes) if size > 1}] * n_folds
    if sizes[0] > 100:
        assert found["position"].tolist() == [0] and found["looks_like"].tolist() == ["label 1"]


def test_without_its_class_a_row_is_as_sure_as_rows_are_to_find_their_own_category():
    rng = np.random.default_rng(0)
    centers, coarse = np.eye(2), np.arange(200) % 2
    features = centers[coarse] + 0.5 * rng.normal(size=(200, 2))
    found = ParentedClustering(coarse, centers, np.arange(2), 0.0)
    learned = SimpleNamespace(features=features, coarse=coarse, clustering=found)
    scales = quality.temperatures(learned, np.ones(200))
    assert scales.known < 2e-4  # one category a class: it always comes back
    sorter, unknown = Sorter(centers, np.arange(2), ()), np.full(200, -1)
    chosen = sorter.probabilities(features, unknown, scales).argmax(axis=1)
    confidence = sorter.confidence(features, unknown, chosen, scales)
    right = chosen == coarse
    assert 0.8 < right.mean() < 0.95
    assert confidence.mean() == pytest.approx(right.mean(), abs=1e-3)
    assert confidence[~right].mean() < confidence[right].mean()
