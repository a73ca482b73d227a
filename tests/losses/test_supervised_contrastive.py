"""Supervised contrast with a queue against a loop over the formula."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import SupervisedContrastiveLoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, two_views, unit_rows


def naive_loss(queries, views, labels, queue, queue_labels, temperature):
    total = 0.0
    for z, view, label in zip(queries, views, labels, strict=True):
        logits = [dot(z, x) / temperature for x in [view, *queue]]
        same = [0] + [1 + j for j, other in enumerate(queue_labels) if other == label]
        total -= sum(logits[j] - log_sum_exp(logits) for j in same) / len(same)
    return total / len(queries)


@given(
    st.integers(1, 5), st.integers(0, 8), st.integers(2, 5), st.integers(0, 9999),
    st.sampled_from([0.1, 1.0]),
)  # fmt: skip
def test_equals_the_loop_over_the_formula(b, q, d, seed, temperature):
    queries, views = two_views(b, d, seed)
    labels, queue_labels = torch.arange(b) % 3, torch.arange(q) % 4
    queue = unit_rows(q, d, seed + 1)
    loss = SupervisedContrastiveLoss(temperature)(queries, views, labels, queue, queue_labels)
    expected = naive_loss(queries, views, labels, queue, queue_labels, temperature)
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_without_positives_in_the_queue_the_view_is_the_only_one():
    rows = torch.eye(4, dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 1])
    loss = SupervisedContrastiveLoss(0.5)(rows[:1], rows[:1], labels[:1], rows[1:], labels[1:])
    assert loss.item() == pytest.approx(math.log1p(3 * math.exp(-2)))


def test_identical_points_cannot_be_told_apart():
    rows, labels = unit_rows(1, 3).expand(6, -1), torch.tensor([0, 0, 0, 1, 1, 1])
    loss = SupervisedContrastiveLoss()(rows[:2], rows[:2], labels[:2], rows, labels)
    assert loss.item() == pytest.approx(math.log(7))


def test_an_empty_queue_costs_nothing():
    queries, views = two_views(2, 3)
    none = torch.empty(0, dtype=torch.long)
    loss = SupervisedContrastiveLoss()(
        queries.requires_grad_(), views, torch.tensor([0, 1]), torch.empty(0, 3), none
    )
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(queries.grad, torch.zeros_like(queries))


def test_gradients_in_float64():
    queries, views = two_views(3, 3)
    queue, labels = unit_rows(5, 3, 1), torch.tensor([0, 1, 2])
    loss = SupervisedContrastiveLoss(0.3)
    assert checks_gradient(lambda z: loss(z, views, labels, queue, torch.arange(5) % 2), queries)


def test_bad_temperature_is_one_sentence():
    with pytest.raises(ValueError, match="temperature is 0: expected a number above 0"):
        SupervisedContrastiveLoss(0)
