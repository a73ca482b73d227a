"""Neighborhood contrast, paper and released form, against loops over the formulas."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import NCLLoss, SupervisedContrastiveLoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, two_views, unit_rows


def naive_loss(queries, views, queue, hard, loss):
    total = 0.0
    for b, (z, view) in enumerate(zip(queries, views, strict=True)):
        candidates = [view, *queue, *([] if hard is None else hard[b])]
        logits = [dot(z, x) / loss.temperature for x in candidates]
        log_p = [logit - log_sum_exp(logits) for logit in logits]
        weights = [0.0] * len(candidates)
        allowed = range(0 if loss.form == "released" else 1, 1 + len(queue))
        nearest = sorted(allowed, key=lambda place: -logits[place])[: loss.k]
        for place in nearest:
            weights[place] = (1 - loss.alpha) / len(nearest)
        weights[0] = loss.alpha
        total -= sum(w * l for w, l in zip(weights, log_p, strict=True))
    return total / len(queries)


@given(
    st.integers(1, 5), st.integers(0, 7), st.integers(2, 5), st.integers(1, 4),
    st.integers(0, 9999), st.sampled_from(["paper", "released"]), st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([None, 1, 3]),
)  # fmt: skip
def test_equals_the_loop_over_the_formula(b, q, d, k, seed, form, alpha, h):
    queries, views = two_views(b, d, seed)
    queue = unit_rows(q, d, seed + 1)
    hard = None if h is None else unit_rows(b * h, d, seed + 2).reshape(b, h, d)
    loss = NCLLoss(k, alpha, temperature=0.3, form=form)
    expected = naive_loss(queries, views, queue, hard, loss)
    assert loss(queries, views, queue, hard).item() == pytest.approx(expected, abs=1e-10)


def test_released_weights_lose_mass_where_the_view_is_among_the_nearest():
    queries, queue = unit_rows(1, 3), unit_rows(6, 3, 1)
    similarities = torch.cat([torch.ones(1, 1).double(), queries @ queue.T], dim=1)
    released = NCLLoss(4, form="released")._targets(similarities)
    paper = NCLLoss(4, form="paper")._targets(similarities)
    assert released.sum().item() == pytest.approx(0.2 + 0.8 * 3 / 4)
    assert paper.sum().item() == pytest.approx(1)
    similarities[0, 0] = -1.0
    assert NCLLoss(4, form="released")._targets(similarities).sum().item() == pytest.approx(1)


def test_identical_points_give_the_closed_form():
    rows = unit_rows(1, 3).expand(6, -1)
    loss = NCLLoss(k=3)(rows[:2], rows[:2], rows)
    assert loss.item() == pytest.approx(math.log(7))


def test_the_whole_queue_and_equal_weights_are_supervised_contrast_of_one_class():
    queries, views = two_views(4, 3)
    queue, ones = unit_rows(5, 3, 1), torch.ones(9, dtype=torch.long)
    loss = NCLLoss(k=5, alpha=1 / 6)(queries, views, queue)
    supervised = SupervisedContrastiveLoss()(queries, views, ones[:4], queue, ones[4:])
    assert loss.item() == pytest.approx(supervised.item(), abs=1e-12)


@pytest.mark.parametrize("form", ["paper", "released"])
def test_gradients_in_float64_flow_through_the_query_alone(form):
    queries, views = two_views(3, 4)
    queue = unit_rows(6, 4, 1)
    loss = NCLLoss(k=2, temperature=0.3, form=form)
    assert checks_gradient(lambda z: loss(z, views, queue), queries)
    views.requires_grad_()
    loss(queries.requires_grad_(), views, queue).backward()
    assert views.grad is None


def test_an_empty_queue_leaves_nothing_to_tell_the_view_from():
    queries, views = two_views(3, 4)
    loss = NCLLoss(k=2)(queries.requires_grad_(), views, torch.empty(0, 4))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(queries.grad, torch.zeros_like(queries))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 0}, "k is 0: expected a whole number, 1 or more"),
        ({"k": 1, "alpha": 1.2}, r"alpha is 1.2: expected a number in \[0, 1\]"),
        ({"k": 1, "temperature": -1}, "temperature is -1: expected a number above 0"),
        ({"k": 1, "form": "code"}, "form is 'code': expected one of paper, released"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        NCLLoss(**settings)
