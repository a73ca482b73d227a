"""Differences, spreads and failures, against cases worked out by hand."""

import numpy as np
import pytest

from dnalib import datasets
from dnalib.benchmark.labels import read_labels, write_labels
from dnalib.benchmark.statistics import (
    acc_readings,
    correctness,
    differences,
    gains,
    paired_bootstrap,
    score_categories,
    split_spread,
)


def test_correctness_is_one_row_a_run():
    records = [{"key": "a", "predictions": [0, 1, -1]}, {"key": "b", "predictions": [1, 1, 2]}]
    expected = [[True, True, False], [False, True, True]]
    np.testing.assert_array_equal(correctness(records, [0, 1, 2]), expected)
    with pytest.raises(ValueError, match="run a has 3 predictions but there are 2 test texts"):
        correctness(records, [0, 1])


def test_three_readings_of_a_run_have_their_names():
    record = {"acc": 70.0, "kmeans_acc": [72.0, 71.0, 69.0, 68.5], "ward": {"acc": 75.0, "n": 3}}
    assert acc_readings(record).to_dict() == {
        "protocol's k-means": 70.0,
        "mean of 5 k-means seeds": 70.1,
        "from Ward's clusters": 75.0,
    }


def test_bootstrap_interval_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(0)
    one, other = rng.random((60, 2000)) < 0.7, rng.random((60, 2000)) < 0.69
    found = paired_bootstrap(one, other)
    gaps = 100 * (one.astype(float) - other)
    assert found.mean == pytest.approx(gaps.mean())
    # All entries are independent here, and so texts and seeds both add their variance.
    texts = gaps.mean(axis=0).var() / 2000
    seeds = gaps.mean(axis=1).var(ddof=1) / 60
    width = 2 * 1.96 * np.sqrt(texts + seeds)
    assert found.high - found.low == pytest.approx(width, rel=0.05)
    assert found.low < found.mean < found.high


def test_the_interval_holds_95_percent_however_few_the_seeds():
    rng = np.random.default_rng(0)
    other, covered = np.broadcast_to(np.arange(1000) < 500, (3, 1000)), 0
    for shares in 0.5 + 0.1 * rng.normal(size=(150, 3)):  # the spread is nearly all the seeds'
        found = paired_bootstrap(np.arange(1000) < 1000 * shares[:, None], other, draws=200)
        covered += found.low <= 0 <= found.high
    assert 0.9 <= covered / 150 <= 0.99


def test_of_one_seed_the_interval_speaks_of_texts_alone():
    one, other = np.arange(1000)[None] < 600, np.arange(1000)[None] < 500
    found = paired_bootstrap(one, other)
    assert found.high - found.low == pytest.approx(
        2 * 1.96 * 100 * np.sqrt(0.1 * 0.9 / 1000), rel=0.05
    )


def test_a_method_compared_with_itself_differs_by_nothing():
    one = np.random.default_rng(0).random((3, 50)) < 0.7
    found = paired_bootstrap(one, one)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_no_difference_is_found_where_there_is_none():
    rng = np.random.default_rng(1)
    found = [paired_bootstrap(rng.random((3, 300)) < 0.7, rng.random((3, 300)) < 0.7, draws=500)
             for _ in range(40)]  # fmt: skip
    assert sum(difference.p < 0.05 for difference in found) <= 6


def test_unpaired_methods_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(2, 5\) and \(3, 5\): expected the same"):
        paired_bootstrap(np.ones((2, 5)), np.ones((3, 5)))


def test_methods_are_compared_on_the_seeds_they_share():
    def run(seed, *predictions):
        return {"key": "k", "seed": seed, "predictions": list(predictions)}

    runs = {
        "base": [run(0, 0, 1, 1, 0), run(1, 0, 1, 1, 0)],
        "good": [run(1, 0, 1, 0, 1), run(2, 1, 0, 1, 0)],
        "bad": [run(0, 1, 0, 1, 0)],
        "elsewhere": [run(7, 0, 0, 0, 0)],
    }
    table = differences(runs, [0, 1, 0, 1], against="base")
    assert table["method"].tolist() == ["good", "bad"]
    assert table["difference"].tolist() == [50, -50]
    assert table["seeds"].tolist() == [1, 1]
    assert table.loc[0, "low"] < 50 < table.loc[0, "high"]
    with pytest.raises(ValueError, match="no run of 'nobody': expected one of base, good"):
        differences(runs, [0, 1, 0, 1], against="nobody")


def test_each_method_is_compared_with_its_own_baseline():
    right, wrong = [0, 1, 0, 1], [0, 1, 1, 0]

    def run(predictions):
        return [{"key": "k", "seed": 0, "predictions": predictions}]

    runs = {"start": run(wrong), "idea": run(right), "idea of idea": run(right)}
    baselines = {"idea of idea": "idea", "idea": "start", "start": None, "idea of lost": "lost"}
    table = gains(runs, [0, 1, 0, 1], baselines | {"not run": "start"})
    assert table[["method", "baseline", "difference"]].to_numpy().tolist() == [
        ["idea", "start", 50.0],
        ["idea of idea", "idea", 0.0],
    ]


def test_spread_of_kmeans_and_of_training_are_told_apart():
    rng = np.random.default_rng(0)
    training = 70 + 3 * rng.normal(size=(400, 1))
    acc = training + 1.5 * rng.normal(size=(400, 5))
    found = split_spread([{"acc": row[0], "kmeans_acc": row[1:].tolist()} for row in acc])
    assert found["kmeans"] == pytest.approx(1.5, rel=0.1)
    assert found["training"] == pytest.approx(3, rel=0.1)


def test_training_without_spread_has_none():
    records = [{"acc": 70.0, "kmeans_acc": [71.0, 69.0]}, {"acc": 69.0, "kmeans_acc": [70.0, 71.0]}]
    assert split_spread(records) == {"kmeans": 1.0, "training": 0.0}
    with pytest.raises(ValueError, match="there are 1 runs: expected two seeds at least"):
        split_spread(records[:1])


def test_categories_are_named_with_what_they_are_taken_for():
    fine = [0, 0, 0, 0, 1, 1, 3]
    runs = [{"predictions": [0, 0, 1, 1, 1, 1, -1]}, {"predictions": [0, 0, 0, 1, 1, 1, 0]}]
    table = score_categories(runs, fine, ["a", "b", "unseen", "d"])
    assert table["category"].tolist() == ["d", "a", "b"]
    assert table["found"].tolist() == [0, 0.625, 1]
    assert table["taken_for"].tolist() == ["a", "b", ""]
    assert table["share"].tolist() == [0.5, 0.375, 0]


def test_labels_come_back_as_they_were_and_others_stay(tmp_path):
    path = tmp_path / "labels.json"
    digits = datasets.load("digits")
    path.write_text('{"other": {}}')
    write_labels(digits, path)
    back = read_labels("digits", path)
    np.testing.assert_array_equal(back.fine, digits.test.fine)
    np.testing.assert_array_equal(back.parents, digits.parents)
    assert (back.fine_names, back.coarse_names) == (digits.fine_names, digits.coarse_names)
    assert '"other": {}' in path.read_text()
    with pytest.raises(ValueError, match="has no dataset 'x': expected one of digits, other"):
        read_labels("x", path)
    with pytest.raises(FileNotFoundError, match="expected the labels that python -m dnalib"):
        read_labels("x", tmp_path / "none.json")
