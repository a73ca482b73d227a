"""NCL: which rows each term sees, what the losses are handed, known and novel classes found."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.nn.functional import normalize

from dnalib.clustering import accuracy
from dnalib.encoders import VectorEncoder, encode
from dnalib.losses import (
    NCLLoss,
    PairwiseBCELoss,
    SupervisedContrastiveLoss,
    mix_hard_negatives,
    same_by_cosine,
    same_by_share,
)
from dnalib.methods import get_method
from dnalib.methods.ncl import CoarseNCLObjective, NCLObjective
from dnalib.training import Step, Task, Trainer, TrainingConfig, seed_everything
from tests.training.test_loop import KillAfter, Stop, numbers

CONFIG = TrainingConfig(epochs=8, batch_size=16, learning_rate=1e-2, temperature=0.1)
TASK = Task(dim=6, n_coarse=2, n=40, n_clusters=3)
MIXED = torch.tensor([0, -1, 1, -1, -1, 0])


def make_step(coarse=MIXED, epoch=0, seed=0):
    rng = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, len(coarse), 6, generator=rng)
    return Step(
        torch.arange(len(coarse)), normalize(first), None, first, coarse, None, None,
        normalize(second), None, second, epoch,
    )  # fmt: skip


def filled(objective, epoch=1):
    """Return the step that follows one whose features were enqueued."""
    objective.after_step(make_step(seed=1))
    return objective, make_step(epoch=epoch)


def test_rows_with_labels_are_classified_and_the_others_assigned_by_pairs():
    objective, step = NCLObjective(TASK, CONFIG), make_step()
    terms = objective(step)
    assert set(terms) == {"mse", "ce", "bce"}
    known, novel = MIXED >= 0, MIXED < 0
    expected = F.cross_entropy(objective.known_head(step.features[known]), MIXED[known])
    assert terms["ce"] == expected
    first, second = (
        objective.novel_head(x[novel]).softmax(1) for x in (step.features, step.second_features)
    )
    same = same_by_share(step.features[novel], 1 / 3)
    assert terms["bce"] == PairwiseBCELoss()(first, second, same)


def test_predictions_of_both_heads_should_agree_on_two_views():
    objective = NCLObjective(TASK, CONFIG)
    step = make_step(epoch=2)  # a quarter of the epochs: the ramp is at its end
    difference = sum(
        F.mse_loss(head(step.features).softmax(1), head(step.second_features).softmax(1))
        for head in (objective.known_head, objective.novel_head)
    )
    torch.testing.assert_close(objective(step)["mse"], 5 * difference)


def test_contrasts_begin_with_the_second_epoch_against_the_queues():
    objective, step = filled(NCLObjective(TASK, CONFIG))
    terms = objective(step)
    known, novel = MIXED >= 0, MIXED < 0
    earlier = make_step(seed=1).queries
    views = step.queries[novel], step.second[novel]
    # A queue holds as many as a quarter of the inputs; its nearest are half of a class's share.
    assert len(objective.novel_queue.slots) == 10 and objective.neighborhood.k == 10 // 3 // 2
    assert terms["ncl"] == NCLLoss(1, temperature=0.1)(*views, earlier[novel])
    views = step.queries[known], step.second[known]
    of_label = SupervisedContrastiveLoss(0.1)
    expected = of_label(*views, MIXED[known], earlier[known], MIXED[known])
    assert terms["scl"] == 0.1 * expected


def test_hard_negatives_join_the_neighborhood_contrast_with_the_fourth_epoch():
    plain, _ = filled(NCLObjective(TASK, CONFIG))
    objective, step = filled(NCLObjective(TASK, CONFIG, hard_negatives=True), epoch=3)
    torch.manual_seed(0)
    term = objective(step)["ncl"]
    torch.manual_seed(0)
    novel = MIXED < 0
    queries, views = step.queries[novel], step.second[novel]
    queues = objective.novel_queue.features, objective.known_queue.features
    hard = mix_hard_negatives(queries, *queues, n_far=400)
    assert term == NCLLoss(1, temperature=0.1)(queries, views, queues[0], hard)
    before = make_step(epoch=2)
    assert objective(before)["ncl"] == plain(before)["ncl"] and term > plain(step)["ncl"]


@pytest.mark.parametrize(
    ("left_out", "terms"),
    [
        ({"contrast": 0}, {"mse", "ce", "bce", "scl"}),
        ({"supervised": 0}, {"mse", "ce", "bce", "ncl"}),
        ({"contrast": 0, "supervised": 0}, {"mse", "ce", "bce"}),
    ],
)
def test_a_weight_of_0_leaves_a_term_out(left_out, terms):
    objective, step = filled(NCLObjective(TASK, CONFIG, **left_out))
    assert set(objective(step)) == terms


def test_pairs_can_be_judged_by_the_papers_cosine():
    objective, step = NCLObjective(TASK, CONFIG, same_above=0.3), make_step()
    features = step.features[MIXED < 0]
    assert torch.equal(objective._same(features), same_by_cosine(features, 0.3))


@pytest.mark.parametrize(
    ("coarse", "terms"),
    [([0, 1, 1], {"mse", "ce", "scl"}), ([-1, -1, -1], {"mse", "bce", "ncl"})],
)
def test_a_batch_of_one_kind_has_the_terms_of_that_kind(coarse, terms):
    objective = NCLObjective(TASK, CONFIG)
    step = make_step(torch.tensor(coarse), epoch=1)
    got = objective(step)
    objective.after_step(step)
    assert set(got) == terms
    assert all(torch.isfinite(value) for value in got.values())
    assert len(objective.known_queue) + len(objective.novel_queue) == 3


def test_under_coarse_labels_every_row_is_known_and_novel():
    settings = get_method("ncl").settings
    objective = CoarseNCLObjective(TASK, TrainingConfig(**settings))
    step = make_step(torch.tensor([0, 1, 1, 0]), epoch=1)
    assert set(objective(step)) == {"mse", "ce", "scl", "bce", "ncl"}
    objective.after_step(step)
    assert torch.equal(objective.known_queue.features, step.queries)
    assert torch.equal(objective.novel_queue.features, step.queries)
    partly = make_step(MIXED, epoch=1)
    known, novel = objective.rows(partly.coarse)
    assert torch.equal(known, MIXED >= 0) and novel.all()


def test_the_number_of_novel_classes_must_be_given():
    with pytest.raises(ValueError, match="n_clusters is None: expected the number of categories"):
        NCLObjective(Task(6, 2, 40), CONFIG)


def make_trainer(objective=NCLObjective, config=CONFIG, **keywords):
    """Return a trainer over points of six classes, two of them known, and the classes."""
    rng = np.random.default_rng(0)
    classes = np.arange(120) % 6
    points = rng.normal(size=(6, 8))[classes] + 0.6 * rng.normal(size=(120, 8))
    labels = np.where(classes < 2, classes, -1)
    encoder = VectorEncoder(8, hidden=32)
    seed_everything(0)
    built = objective(Task(8, 2, 120, n_clusters=4), config)
    store = encoder.prepare(points)
    return Trainer(encoder, store, labels, built, config, progress=False, **keywords), classes


def test_novel_classes_are_found():
    longer = replace(CONFIG, epochs=30)
    trainer, classes = make_trainer(partial(NCLObjective, same_above=0.8), longer)
    rows = torch.from_numpy(np.flatnonzero(classes >= 2))

    def novel_accuracy():
        with torch.no_grad():
            features = trainer.encoder.eval()(trainer.store.batch(rows))
            assigned = trainer.objective.novel_head(features).argmax(1)
        return accuracy(classes[rows], assigned.numpy())

    before = novel_accuracy()
    history = trainer.fit()
    assert before < 0.7 < 0.85 < novel_accuracy()
    assert history["loss_ce"].iloc[-1] < 0.3 * history["loss_ce"].iloc[0]
    assert history["loss_ncl"].isna().tolist() == [True] + [False] * 29


@pytest.mark.parametrize("killed_in", [1, 5])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path, killed_in):
    objective = partial(NCLObjective, hard_negatives=True)
    whole, _ = make_trainer(objective)
    expected = whole.fit()
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(objective, checkpoint_path=path, monitor=KillAfter(killed_in))[0].fit()
    resumed, _ = make_trainer(objective, checkpoint_path=path)
    pd.testing.assert_frame_equal(numbers(resumed.fit()), numbers(expected), check_exact=True)
    features = (encode(trainer.encoder, trainer.store) for trainer in (whole, resumed))
    assert torch.equal(*features)
