"""Metric learning's protocol on small vectors: who sees what, and what is measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnalib.datasets import CoarseDataset, Split
from dnalib.hyperbolic import distance, to_ball
from dnalib.retrieval import recall_at_k
from dnalib.studies.metric_learning import (
    METRIC_METHODS,
    _untrained_row,
    compare,
    pulls,
    split_classes,
    train_metric,
    tree_purities,
    with_embeddings,
)

FAST = {"epochs": 2, "batch_size": 32}


def make_dataset(kind="vector", n=96, d=12):
    rng = np.random.default_rng(0)
    coarse_centers = 2 * rng.normal(size=(2, d))
    centers = np.repeat(coarse_centers, 4, axis=0) + rng.normal(size=(8, d))

    def split():
        fine = np.arange(n) % 8
        rows = centers[fine] + 0.4 * rng.normal(size=(n, d))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Split(rows.astype(np.float32), fine // 4, fine)

    names = tuple("abcdefgh")
    return CoarseDataset("blobs", kind, split(), split(), ("x", "y"), names, {})


def test_classes_are_split_within_each_coarse_category():
    seen, unseen = split_classes(make_dataset())
    assert (seen.fine_names, unseen.fine_names) == (tuple("aceg"), tuple("bdfh"))
    assert seen.parents.tolist() == unseen.parents.tolist() == [0, 0, 1, 1]


def test_vectors_stay_as_they_are():
    dataset = make_dataset()
    assert with_embeddings(dataset) is dataset


def test_comparison_has_a_row_a_run_and_repeats_itself():
    table, runs = compare(make_dataset(), METRIC_METHODS[:2], [0, 1], **FAST)
    assert table["method"].tolist() == [
        "untrained", "proxy-anchor", "proxy-anchor", "proxy-anchor-hier", "proxy-anchor-hier",
    ]  # fmt: skip
    assert set(runs) == {(m, s) for m in METRIC_METHODS[:2] for s in (0, 1)}
    hier = table[table["method"] == "proxy-anchor-hier"]
    assert hier[["meeting", "proxies", "meeting_start", "proxies_start"]].notna().all(axis=None)
    assert table[table["method"] == "proxy-anchor"]["meeting"].isna().all()
    again, _ = compare(make_dataset(), METRIC_METHODS[:2], [0, 1], **FAST)
    columns = [name for name in table if name != "cpu_seconds"]
    assert table[columns].equals(again[columns])


def test_recall_by_cosine_is_recall_in_the_ball_where_all_rows_are_clipped():
    run = train_metric(*split_classes(make_dataset()), "proxy-anchor-hier", progress=False, **FAST)
    assert run.clipped_share == 1
    points = to_ball(torch.from_numpy(run.vectors).double())
    gaps = distance(points, points).fill_diagonal_(torch.inf).numpy()
    nearest = run.labels[np.argsort(gaps, axis=1)[:, 0]]
    assert run.recall[1] == pytest.approx(100 * np.mean(nearest == run.labels))


def test_training_teaches_the_seen_classes_and_moves_the_proxies():
    seen, unseen = split_classes(make_dataset())
    run = train_metric(seen, unseen, "multi-similarity-hier", progress=False, epochs=6)
    loss = run.history["loss_metric"]
    assert loss.iloc[-1] < loss.iloc[0]
    assert np.abs(run.proxies - run.start).max() > 0.05
    untrained = recall_at_k(unseen.train.inputs, unseen.train.fine)[1]
    assert run.recall[1] > untrained - 10
    purities = tree_purities(run, unseen.parents)
    assert purities["linkage"] == 100
    assert all(0 < value <= 100 for value in purities.values())


class Met(Exception):
    pass


class Elsewhere(torch.nn.Linear):
    def forward(self, step):
        raise Met(step.queries.device.type, step.coarse.device.type)


def test_pulls_are_measured_where_the_objective_is():
    seen, unseen = split_classes(make_dataset())
    run = train_metric(seen, unseen, "proxy-anchor", progress=False, **FAST)
    with pytest.raises(Met, match="'meta', 'meta'"):
        pulls(replace(run, objective=Elsewhere(1, 1, device="meta")), seen)


def test_pulls_of_one_run_are_the_same_whenever_they_are_measured():
    seen, unseen = split_classes(make_dataset())
    run = train_metric(seen, unseen, "proxy-anchor-hier", progress=False, **FAST)
    assert pulls(run, seen) == pulls(run, seen)


def test_the_length_of_untrained_features_makes_no_difference():
    _, unseen = split_classes(make_dataset())
    lengths = np.random.default_rng(0).uniform(0.1, 9, size=(len(unseen.train), 1))
    train = replace(unseen.train, inputs=(unseen.train.inputs * lengths).astype(np.float32))
    row, other = (_untrained_row(each) for each in (unseen, replace(unseen, train=train)))
    assert row == pytest.approx(other)


def test_a_louder_regularizer_pulls_harder():
    seen, unseen = split_classes(make_dataset())
    strengths = []
    for weight in (0.5, 50.0):
        run = train_metric(seen, unseen, "proxy-anchor-hier", weight=weight, progress=False, **FAST)
        pull = pulls(run, seen)
        strengths.append(pull["hier"] / pull["metric"])
    assert 0 < 20 * strengths[0] < strengths[1]
    alone = train_metric(seen, unseen, "proxy-anchor", progress=False, **FAST)
    assert set(pulls(alone, seen)) == {"metric"} and alone.proxies is None


def test_other_methods_and_texts_are_refused():
    seen, unseen = split_classes(make_dataset())
    with pytest.raises(ValueError, match="method 'dna' was asked on inputs of the kind 'vector'"):
        train_metric(seen, unseen, "dna")
    with pytest.raises(ValueError, match="on inputs of the kind 'text': expected one of"):
        train_metric(*split_classes(make_dataset("text")), "proxy-anchor")
