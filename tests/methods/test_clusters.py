"""DeepCluster and DeepAligned: pseudo-labels by k-means, their weights, their alignment."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.nn.functional import normalize

from dnalib.clustering import kmeans
from dnalib.encoders import encode
from dnalib.methods import run
from dnalib.methods.clusters import STARTS, DeepAlignedObjective, DeepClusterObjective
from dnalib.training import Step, Task, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert
from tests.training.test_loop import CONFIG, KillAfter, Stop, make_trainer, make_vectors, numbers

TASK = Task(dim=6, n_coarse=2, n=40, n_clusters=4, seed=5)
INDICES = torch.tensor([3, 0, 10])


def unit_vectors():
    vectors, coarse = make_vectors()
    return normalize(torch.from_numpy(vectors).float()), torch.from_numpy(coarse)


def make_step(bank, coarse):
    queries = bank[INDICES].roll(1, 1)
    return Step(INDICES, queries, None, queries * 2, coarse[INDICES], bank, None)


def logits_of(objective, queries):
    return queries @ normalize(objective.pseudo.rows).T / CONFIG.temperature


def test_deepcluster_weighs_clusters_alike_and_starts_its_classifier_at_their_centers():
    bank, coarse = unit_vectors()
    objective = DeepClusterObjective(TASK, CONFIG)
    for epoch in range(2):
        assert objective.mine(bank.numpy(), coarse.numpy(), epoch) is None
        found = kmeans(bank.numpy(), 4, n_init=STARTS, seed=5 + epoch)
        centers = normalize(torch.from_numpy(found.centers))
        torch.testing.assert_close(normalize(objective.pseudo.rows.detach()), centers)
        labels = torch.from_numpy(found.labels)
        step = make_step(bank, coarse)
        losses = F.cross_entropy(
            logits_of(objective, step.queries), labels[INDICES], reduction="none"
        )
        weights = 1 / torch.bincount(labels)[labels[INDICES]]
        expected = (weights * losses).sum() / weights.sum()
        torch.testing.assert_close(objective(step)["cluster"], expected)
        with torch.no_grad():
            objective.pseudo.rows.normal_()


def test_deepaligned_numbers_its_clusters_as_before_and_keeps_its_classifier():
    bank, coarse = unit_vectors()
    objective = DeepAlignedObjective(TASK, CONFIG).eval()
    objective.mine(bank.numpy(), coarse.numpy(), 0)
    before = objective.pseudo.labels.clone()
    with torch.no_grad():
        objective.pseudo.rows.normal_()
    rows = objective.pseudo.rows.clone()
    objective.mine(bank.numpy(), coarse.numpy(), 1)
    unaligned = kmeans(bank.numpy(), 4, n_init=STARTS, seed=6).labels
    assert not np.array_equal(unaligned, before) and torch.equal(objective.pseudo.labels, before)
    assert torch.equal(objective.pseudo.rows, rows)
    step = make_step(bank, coarse)
    terms = objective(step)
    expected = F.cross_entropy(logits_of(objective, step.queries), before[INDICES])
    torch.testing.assert_close(terms["cluster"], expected)
    assert terms["ce"] == F.cross_entropy(objective.head(step.features), step.coarse)


@pytest.mark.parametrize("objective", [DeepClusterObjective, DeepAlignedObjective])
def test_the_number_of_clusters_must_be_given(objective):
    with pytest.raises(ValueError, match="n_clusters is None: expected the number of categories"):
        objective(replace(TASK, n_clusters=None), CONFIG)


@pytest.mark.parametrize("objective", [DeepClusterObjective, DeepAlignedObjective])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path, objective):
    whole = make_trainer(objective)
    expected = whole.fit()
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(objective, checkpoint_path=path, monitor=KillAfter(1)).fit()
    resumed = make_trainer(objective, checkpoint_path=path)
    pd.testing.assert_frame_equal(numbers(resumed.fit()), numbers(expected), check_exact=True)
    features = (encode(trainer.encoder, trainer.store) for trainer in (whole, resumed))
    assert torch.equal(*features)


def test_deepcluster_does_not_look_at_labels():
    history = make_trainer(DeepClusterObjective, TrainingConfig(epochs=2, batch_size=8)).fit()
    assert "loss_cluster" in history and "kept_share" not in history and "loss_ce" not in history


@pytest.mark.parametrize("method", ["deepcluster", "deepaligned"])
def test_clusters_sharpen(tmp_path, monkeypatch, method):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    encoder = str(make_tiny_bert(tmp_path / "bert", pooling="mean"))
    settings = {"batch_size": 8, "learning_rate": 3e-3, "progress": False}
    after = run(make_texts(120), method, encoder=encoder, epochs=12, **settings)
    assert after.history["loss_cluster"].iloc[-1] < 0.9 * after.history["loss_cluster"].iloc[0]
    assert after.scores["acc"] > 42  # chance is about 35: nothing collapsed
