"""Consistency of two views against a loop, and its ramp."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import ConsistencyLoss
from tests.losses.helpers import checks_gradient, two_views


def softmax(logits):
    terms = [math.exp(x) for x in logits]
    return [term / sum(terms) for term in terms]


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 9999), st.floats(0, 80))
def test_equals_the_loop_over_the_formula(b, c, seed, epoch):
    first, second = two_views(b, c, seed)
    total = 0.0
    for row, other in zip(first.tolist(), second.tolist(), strict=True):
        total += sum((p - q) ** 2 for p, q in zip(softmax(row), softmax(other), strict=True))
    weight = 3.0 * math.exp(-5 * (1 - min(epoch, 50) / 50) ** 2)
    loss = ConsistencyLoss(3.0, 50)(first, second, epoch)
    assert loss.item() == pytest.approx(weight * total / (b * c), abs=1e-10)


def test_ramp_rises_to_its_weight_and_stays():
    loss = ConsistencyLoss(weight=5.0, ramp_epochs=50)
    ramp = [loss.ramp(epoch) for epoch in (-1, 0, 25, 50, 200)]
    low = 5 * math.exp(-5)
    assert ramp == pytest.approx([low, low, 5 * math.exp(-5 / 4), 5, 5])


def test_equal_views_cost_nothing_and_opposite_ones_the_closed_form():
    logits = torch.tensor([[50.0, -50.0]], dtype=torch.float64)
    loss = ConsistencyLoss(1.0, 1)
    assert loss(logits, logits, 1).item() == 0
    assert loss(logits, -logits, 1).item() == pytest.approx(1)


def test_gradients_in_float64_flow_through_both_views():
    assert checks_gradient(lambda a, b: ConsistencyLoss()(a, b, 40), *two_views(3, 4))


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="ramp_epochs is 0: expected a number above 0"):
        ConsistencyLoss(ramp_epochs=0)
    with pytest.raises(ValueError, match=r"second has shape \(2, 3\): expected \(3, 3\)"):
        ConsistencyLoss()(torch.eye(3), torch.eye(3)[:2], 0)
