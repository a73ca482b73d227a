"""NT-Xent against a loop over the formula, closed forms and degenerate batches."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import NTXentLoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, two_views, unit_rows


def naive_loss(first, second, temperature):
    rows = [*first, *second]
    m = len(first)
    losses = []
    for i, anchor in enumerate(rows):
        others = [dot(anchor, row) / temperature for j, row in enumerate(rows) if j != i]
        losses.append(log_sum_exp(others) - dot(anchor, rows[(i + m) % (2 * m)]) / temperature)
    return sum(losses) / len(losses)


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 9999), st.sampled_from([0.1, 0.5, 1.0]))
def test_equals_the_loop_over_the_formula(n, d, seed, temperature):
    first, second = two_views(n, d, seed)
    loss = NTXentLoss(temperature)(first, second)
    assert loss.item() == pytest.approx(naive_loss(first, second, temperature), abs=1e-10)


def test_orthogonal_inputs_give_the_closed_form():
    rows = torch.eye(5, dtype=torch.float64)
    assert NTXentLoss(0.5)(rows, rows).item() == pytest.approx(math.log1p(8 * math.exp(-2)))


def test_identical_inputs_cannot_be_told_apart():
    rows = unit_rows(1, 4).expand(6, -1)
    assert NTXentLoss()(rows, rows).item() == pytest.approx(math.log(11))


def test_order_of_the_views_does_not_matter():
    first, second = two_views(5, 3)
    loss = NTXentLoss()
    assert loss(first, second).item() == pytest.approx(loss(second, first).item(), abs=1e-12)


def test_gradients_in_float64():
    assert checks_gradient(NTXentLoss(0.3), *two_views(4, 3))


def test_a_batch_of_one_costs_nothing():
    first, second = (view.requires_grad_() for view in two_views(1, 3))
    loss = NTXentLoss()(first, second)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_bad_input_is_one_sentence():
    first, _ = two_views(3, 2)
    with pytest.raises(ValueError, match="temperature is 0: expected a number above 0"):
        NTXentLoss(0)
    with pytest.raises(ValueError, match=r"second has shape \(2, 2\): expected \(3, 2\)"):
        NTXentLoss()(first, first[:2])
