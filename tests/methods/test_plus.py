"""DNA+: ranked neighbors that were filtered, and centers in the second half."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from dnalib.methods import get_method, plus, run
from dnalib.methods.down import DOWNObjective
from dnalib.methods.plus import CENTER_TEMPERATURE, DNAPlusObjective
from dnalib.training import Step, Task, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert

COARSE = np.arange(20) % 2
BATCH = torch.tensor([7, 3, 12])


def make_bank():
    return normalize(torch.randn(20, 6, generator=torch.Generator().manual_seed(0)))


def make_objective(objective, method, epochs=4):
    settings = {**get_method(method).settings, "k": 5, "epochs": epochs}
    return objective(Task(6, 2, 20, n_clusters=5), TrainingConfig(**settings)).eval()


def step_after(objective, epoch):
    bank = make_bank()
    graph = objective.mine(bank.numpy(), COARSE, epoch)
    queries = normalize(bank[BATCH] + 0.1).requires_grad_()
    coarse = torch.from_numpy(COARSE)[BATCH]
    return Step(BATCH, queries, bank[BATCH], queries, coarse, bank, graph)


@pytest.mark.parametrize("n_clusters", [2, 21])
def test_too_few_categories_for_the_classes_or_too_many_for_the_texts_are_refused(n_clusters):
    message = f"n_clusters is {n_clusters} for 20 texts in 3 coarse classes"
    with pytest.raises(ValueError, match=message):
        DNAPlusObjective(Task(6, 3, 20, n_clusters=n_clusters), TrainingConfig())


@pytest.mark.parametrize(("epoch", "base"), [(0, 150), (1, 10)])
def test_kept_neighbors_count_by_their_place_in_the_whole_list(epoch, base):
    objective = make_objective(DNAPlusObjective, "dna-plus")
    step = step_after(objective, epoch)
    assert 0 < step.graph.kept_share < 1
    losses = []
    for query, text in zip(step.queries.detach(), BATCH.tolist(), strict=True):
        logits = [float(query @ key) / 0.07 for key in step.bank]
        total = math.log(sum(math.exp(logit) for logit in logits))
        terms, weights = [total - logits[text]], [1.0]
        for rank, (neighbor, kept) in enumerate(
            zip(step.graph.indices[text], step.graph.keep[text], strict=True), start=1
        ):
            if kept:
                weights.append(base ** (-rank / 5))
                terms.append(total - logits[neighbor])
        losses.append(np.average(terms, weights=weights))
    terms = objective(step)
    assert set(terms) == {"ce", "neighbors"}
    assert terms["neighbors"].item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(("epochs", "with_centers"), [(4, [2, 3]), (3, [2]), (1, [])])
def test_centers_come_in_the_second_half(epochs, with_centers):
    objective = make_objective(DNAPlusObjective, "dna-plus", epochs)
    found = [e for e in range(epochs) if "centers" in objective(step_after(objective, e))]
    assert found == with_centers


def test_every_seed_and_epoch_draws_its_own_start(monkeypatch):
    seeds = []
    honest = plus.cluster_within
    monkeypatch.setattr(
        plus, "cluster_within", lambda *a, seed, **k: seeds.append(seed) or honest(*a, **k)
    )
    objective = make_objective(DNAPlusObjective, "dna-plus")
    objective.seed = 7
    for epoch in (2, 3):
        step_after(objective, epoch)
    assert seeds == [9, 10]


def test_centers_do_not_come_while_pretraining():
    objective = make_objective(DNAPlusObjective, "dna-plus")
    objective.config = replace(objective.config, pretrain_epochs=3)
    found = [set(objective(step_after(objective, epoch))) for epoch in range(4)]
    assert found == [{"ce"}] * 3 + [{"ce", "neighbors", "centers"}]


def test_a_text_is_drawn_to_its_own_center_among_all():
    objective = make_objective(DNAPlusObjective, "dna-plus")
    step = step_after(objective, epoch=2)
    own, centers = objective._own, objective._centers
    for cluster in range(5):  # no cluster crosses a coarse class, and its center is its mean
        members = (own == cluster).nonzero()[:, 0]
        assert len(set(COARSE[members])) == 1
        torch.testing.assert_close(centers[cluster], normalize(step.bank[members].mean(0), dim=0))
    losses = []
    for query, text in zip(step.queries.detach(), BATCH.tolist(), strict=True):
        logits = [float(query @ center) / CENTER_TEMPERATURE for center in centers]
        total = math.log(sum(math.exp(logit) for logit in logits))
        losses.append(total - logits[own[text]])
    terms = objective(step)
    assert terms["centers"].item() == pytest.approx(np.mean(losses), rel=1e-5)
    terms["centers"].backward()
    assert step.queries.grad.abs().sum() > 0


def test_without_centers_it_is_the_ranked_method():
    plus, ranked = (
        make_objective(DNAPlusObjective, "dna-plus"),
        make_objective(DOWNObjective, "dna-ranked"),
    )
    plus.head.load_state_dict(ranked.head.state_dict())
    terms, expected = (objective(step_after(objective, 2)) for objective in (plus, ranked))
    assert terms["neighbors"].item() == expected["down"].item()
    assert terms["ce"].item() == expected["ce"].item()


def test_it_trains_and_resumes_to_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    bert = str(make_tiny_bert(tmp_path / "bert", pooling="mean"))
    common = {"encoder": bert, "batch_size": 8, "k": 5, "epochs": 3, "progress": False}
    data = make_texts(40)
    whole = run(data, "dna-plus", **common)
    assert np.isfinite(whole.history["loss"]).all()
    assert whole.history["loss_centers"].notna().tolist() == [False, False, True]
    stopped = KeyboardInterrupt()

    def stop_after_two(features):
        stop_after_two.epochs += 1
        if stop_after_two.epochs == 2:
            raise stopped

    stop_after_two.epochs = 0
    with pytest.raises(KeyboardInterrupt):
        run(
            data,
            "dna-plus",
            **common,
            checkpoint_dir=tmp_path / "c",
            watch=stop_after_two,
        )
    resumed = run(data, "dna-plus", **common, checkpoint_dir=tmp_path / "c")
    np.testing.assert_array_equal(resumed.test_features, whole.test_features)
