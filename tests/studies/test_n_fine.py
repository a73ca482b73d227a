"""Rules for the number of categories against the truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dnalib.studies import n_fine
from tests.test_clustering_within import blobs


def test_small_fine_labels_do_not_count():
    fine = pd.Series(["a"] * 600 + ["b"] * 395 + ["c"] * 4 + ["d"])
    assert n_fine.true_number(fine) == 2
    assert n_fine.true_number(pd.Series(["a", "a", "b", "b", "c"])) == 2


def test_errors_are_in_doublings(monkeypatch):
    said = {"communities": [2, 8], "silhouette": [8, 2]}
    numbers = {rule: iter(values) for rule, values in said.items()}
    monkeypatch.setattr(
        n_fine,
        "estimate_n_clusters",
        lambda rows, rule, seed: n_fine.NumberEstimate(*[next(numbers[rule])] * 3),
    )
    monkeypatch.setattr(n_fine, "usual_rules", lambda rows, seed: {"elbow": 4})
    rows = n_fine.compare([np.eye(3), np.eye(3)], np.array([4, 2]), seed=0)
    table = pd.DataFrame(rows).set_index("rule")
    assert table["estimate"].to_dict() == {
        "communities": 10, "silhouette": 10, "middle of both": 8, "elbow": 8,
    }  # fmt: skip
    assert table["mean_abs_log2"].to_dict() == pytest.approx(
        {"communities": 1.5, "silhouette": 0.5, "middle of both": 0.5, "elbow": 0.5}
    )
    assert table["bias_log2"]["communities"] == pytest.approx(0.5)
    assert table["interval_covers"]["silhouette"] == 0.5 and np.isnan(
        table["interval_covers"]["elbow"]
    )


def test_every_rule_counts_plain_groups():
    parents = [blobs(true, 40, spread=0.05)[0] for true in (3, 6)]
    table = pd.DataFrame(n_fine.compare(parents, np.array([3, 6]), seed=0)).set_index("rule")
    assert tuple(table.index) == n_fine.RULES
    assert (table.loc[list(n_fine.OURS), "mean_abs_log2"] == 0).all()


def test_digits_are_trained_without_their_true_number(monkeypatch):
    asked = []

    def train(dataset, method, **settings):
        asked.append(settings)
        return SimpleNamespace(train_features=np.eye(2))

    monkeypatch.setattr(n_fine.methods, "run", train)
    monkeypatch.setattr(
        n_fine, "estimate_n_clusters", lambda rows, seed: n_fine.NumberEstimate(*[7 + seed] * 3)
    )
    labels, _ = n_fine._digits(seed=1)
    k = round(len(labels) / (8 * labels["coarse"].nunique()))
    assert asked == [{"seed": 1, "k": k, "progress": False}]
