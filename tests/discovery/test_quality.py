"""Which coarse labels look wrong."""

import warnings

import numpy as np
import pytest

from dnalib.discovery import quality


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
