"""Instance spreading on seen and unseen categories, on a few digits."""

from itertools import combinations

import numpy as np
import pytest

from dnalib.datasets import pooled, thin
from dnalib.encoders import encode
from dnalib.retrieval import seen_scores, unseen_scores
from dnalib.studies import instances
from dnalib.studies.instances import (
    SETTINGS,
    VARIANTS,
    Setting,
    measure,
    pair_similarities,
    prepare,
    variants_for,
)


@pytest.fixture(scope="module")
def parts():
    seen, unseen = prepare("digits", ["8", "9"], 80)
    return thin(seen, 80, 40), thin(unseen, 40, 20)


def test_held_out_digits_are_not_trained_on(parts):
    seen, unseen = parts
    assert unseen.fine_names == ("8", "9") and "8" not in seen.fine_names
    assert len(seen.train) == pytest.approx(80, abs=8)


def test_raw_pixels_are_scored_as_they_are(parts):
    seen, unseen = parts

    def rows(images):
        rows = images.reshape(len(images), -1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    row, _ = measure(seen, unseen, "pixels", seed=3)
    train, test, rest = seen.train, seen.test, pooled(unseen)
    expected = seen_scores(rows(train.inputs), train.fine, rows(test.inputs), test.fine)
    expected |= unseen_scores(rows(rest.inputs), rest.fine, seed=3)
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1.0)
    assert (row["dataset"], row["method"], row["seed"]) == ("digits", "pixels", 3)


def test_variants_differ_in_what_they_say(parts):
    features = {}
    for name in variants_for(parts[0]):
        _, result = measure(*parts, name, epochs=1)
        features[name] = result.test_features.tobytes()
        assert (result.method == "embeddings") == (name in ("pixels", "untrained"))
    assert "no-color" in VARIANTS and "no-color" not in features
    assert len(set(features.values())) == len(features) == len(VARIANTS) - 1


def test_the_study_measures_the_variants_that_make_sense(parts, monkeypatch, tmp_path):
    monkeypatch.setattr(instances, "prepare", lambda name: parts)
    monkeypatch.setitem(instances.SETTINGS, "digits", Setting(("8", "9"), 80, 1))
    rows = list(instances.STUDY.run(["digits"], ["pixels", "no-color"], [0], tmp_path / "x.csv"))
    assert [(row["method"], row["epochs"], row["n_train"]) for row in rows] == [
        ("pixels", 1, len(parts[0].train))
    ]
    assert instances.STUDY.offers("cifar10", "no-color")


def test_similarities_of_pairs_are_those_of_a_naive_loop(parts):
    images = parts[1].test
    _, result = measure(*parts, "untrained")
    pairs = pair_similarities(result.encoder, images, seed=1)
    store = result.encoder.prepare(images.inputs)
    features = encode(result.encoder, store).numpy()
    cosines = {True: [], False: []}
    for i, j in combinations(range(len(images)), 2):
        cosines[images.fine[i] == images.fine[j]].append(features[i] @ features[j])
    assert pairs["two images, same category"] == pytest.approx(cosines[True], abs=1e-5)
    assert pairs["two images, other category"] == pytest.approx(cosines[False], abs=1e-5)
    of_one = pairs["two views of one image"]
    assert of_one.shape == (len(images),) and (of_one < 1 - 1e-6).all()
    unchanged = pair_similarities(result.encoder, images, view="none")
    assert unchanged["two views of one image"] == pytest.approx(1, abs=1e-5)


def test_results_in_the_repository_hold_what_notebook_07_says():
    table = instances.STUDY.read()
    assert set(table["method"]) <= set(VARIANTS) and set(table["dataset"]) == set(SETTINGS)
    assert not table.duplicated(["dataset", "method", "seed"]).any()
    scores = table[["knn", "linear", "r1", "r2", "r4", "r8", "nmi"]]
    assert scores.stack().between(0, 100).all() and not scores.isna().any().any()
    knn = table.set_index(["method", "dataset", "seed"])["knn"]
    for dataset in SETTINGS:
        for seed in (0, 1, 2):
            assert knn["isif", dataset, seed] > knn["pixels", dataset, seed]
            assert knn["isif", dataset, seed] > knn["untrained", dataset, seed]
