"""Each form of the loss against loops written from its formula, in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from dnalib import theory
from dnalib.datasets import CoarseDataset, Split
from dnalib.losses import DNALoss
from dnalib.methods import run
from dnalib.neighbors import build_graph
from tests.theory.problems import close, naive_loss, problems, random_problem, rows


@settings(deadline=None)
@given(problems)
def test_all_forms_equal_the_naive_loss(problem):
    expected = [naive_loss(*row) for row in rows(problem)]
    parts = theory.decompose(*problem)
    close(parts.loss, expected)
    close(parts.total(), expected)
    close(theory.pairwise_form(*problem).total(), expected)
    close(theory.unit_center_form(*problem).total(), expected)
    close(theory.any_norm_form(*problem), expected)


@pytest.mark.parametrize("exclude_self", [False, True])
def test_each_term_is_what_its_formula_says(exclude_self):
    problem = random_problem(exclude_self=exclude_self)
    parts = theory.decompose(*problem)
    pairs = theory.pairwise_form(*problem)
    for i, (q, positive_keys, all_keys, tau) in enumerate(rows(problem)):
        center = sum(positive_keys) / len(positive_keys)
        spread = sum(float((h - center) @ (h - center)) for h in positive_keys)
        spread /= len(positive_keys)
        close(parts.center[i], center)
        close(parts.center_norm[i], center.norm())
        close(parts.attraction[i], float((q - center) @ (q - center)) / (2 * tau))
        close(parts.spread[i], spread / (2 * tau))
        close(parts.spread[i], (1 - float(center @ center)) / (2 * tau))
        close(parts.log_partition[i], math.log(sum(math.exp(float(q @ h) / tau) for h in all_keys)))
        squares = [float((q - h) @ (q - h)) for h in positive_keys]
        close(pairs.attraction[i], sum(squares) / len(squares) / (2 * tau))
        close(
            pairs.repulsion[i],
            math.log(sum(math.exp(-float((q - h) @ (q - h)) / (2 * tau)) for h in all_keys)),
        )
    assert parts.constant == pytest.approx(-1 / problem[3])


def test_unit_center_terms():
    problem = random_problem()
    form = theory.unit_center_form(*problem)
    for i, (q, positive_keys, _, tau) in enumerate(rows(problem)):
        center = sum(positive_keys) / len(positive_keys)
        length = float(center.norm())
        unit = center / length
        close(form.attraction[i], length * float((q - unit) @ (q - unit)) / (2 * tau))
        close(form.constant[i], -length / tau)


def test_closed_form_when_query_and_positives_coincide():
    # q = h_1 and one opposite key: Z = e^{1/tau} + e^{-1/tau}, L = log(1 + e^{-2/tau}).
    keys = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    parts = theory.decompose(keys[:1], keys, [[0]], 0.5)
    close(parts.loss, [math.log1p(math.exp(-4))])
    close(parts.attraction, [0.0])
    close(parts.spread, [0.0])


def test_means_average_the_terms():
    parts = theory.decompose(*random_problem())
    means = parts.means()
    assert means["loss"] == pytest.approx(float(parts.loss.mean()))
    terms = ("attraction", "log_partition", "spread", "constant")
    assert sum(means[name] for name in terms) == pytest.approx(means["loss"])


def test_padding_changes_nothing():
    queries, keys, positives, tau, _ = random_problem()
    wider = torch.cat([torch.full((len(positives), 2), -1), positives], dim=1)
    close(
        theory.decompose(queries, keys, wider, tau).total(),
        theory.decompose(queries, keys, positives, tau).total(),
    )


def test_vectors_of_any_length_need_their_norms():
    problem = random_problem(unit=False, tau=1.0)
    expected = torch.tensor([naive_loss(*row) for row in rows(problem)], dtype=torch.float64)
    close(theory.any_norm_form(*problem), expected)
    # What the unit-length statement would give: wrong by far.
    queries, keys, positives, tau, _ = problem
    mean = [torch.stack(row[1]).mean(0) for row in rows(problem)]
    spread = [torch.stack(row[1]).var(0, correction=0).sum() for row in rows(problem)]
    wrong = (
        (queries - torch.stack(mean)).square().sum(1) / (2 * tau)
        + torch.logsumexp(queries @ keys.T / tau, dim=1)
        + torch.stack(spread) / (2 * tau)
        - 1 / tau
    )
    assert (wrong - expected).abs().min() > 0.1


def test_deviations_are_rounding_in_each_precision():
    queries, keys, positives, tau, self_index = random_problem(exclude_self=True)
    double = theory.deviations(queries, keys, positives, tau, self_index)
    assert set(double) == {"center", "pairwise", "unit_center", "any_norm"}
    assert max(double.values()) < 1e-12
    single = theory.deviations(queries.float(), keys.float(), positives, tau, self_index)
    assert 1e-8 < max(single.values()) < 1e-4


@pytest.fixture(scope="module")
def trained_run():
    """Small images of four categories under two coarse labels, after two epochs of DNA."""
    rng = np.random.default_rng(0)
    fine = np.arange(80) % 4
    images = rng.normal(size=(4, 3, 3))[fine] + 0.5 * rng.normal(size=(80, 3, 3))
    split = Split(images.astype(np.float32), fine // 2, fine)
    data = CoarseDataset("dots", "image", split, split, ("a", "b"), ("0", "1", "2", "3"), {})
    trained = run(data, "dna", epochs=2, batch_size=16, filters=["label"], progress=False)
    return trained, data


@pytest.mark.parametrize("exclude_self", [False, True])
def test_identities_hold_on_trained_features(trained_run, exclude_self):
    trained, data = trained_run
    features, config = trained.train_features, trained.config
    graph = build_graph(features, data.train.coarse, config.k, config.filters)
    has_positive = torch.as_tensor(graph.keep.any(axis=1)).nonzero().squeeze(1)
    assert len(has_positive) > 40
    keys = theory.unit_rows(features)
    positives = torch.as_tensor(graph.positives())[has_positive]
    self_index = has_positive if exclude_self else None
    problem = (keys[has_positive], keys, positives, config.temperature, self_index)
    assert max(theory.deviations(*problem).values()) < 1e-10
    # The loss that is decomposed is the loss that was trained on, gradient included.
    raw = (2 * problem[0]).requires_grad_()
    unit = torch.nn.functional.normalize(raw)
    loss = DNALoss(config.temperature)(unit, *problem[1:3], self_index)
    close(theory.decompose(*problem).loss.mean(), loss.detach())
    expected = theory.gradients(*problem).tangent / (2 * len(raw))
    close(torch.autograd.grad(loss, raw)[0], expected)
