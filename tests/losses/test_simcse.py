"""SimCSE's loss against a loop over the formula, closed forms and degenerate batches."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import DNALoss, SimCSELoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, two_views, unit_rows


def naive_loss(first, second, temperature):
    losses = []
    for i, anchor in enumerate(first):
        logits = [dot(anchor, other) / temperature for other in second]
        losses.append(log_sum_exp(logits) - logits[i])
    return sum(losses) / len(losses)


@given(
    st.integers(1, 9), st.integers(1, 5), st.integers(0, 9999), st.sampled_from([0.05, 0.5, 1.0])
)
def test_equals_the_loop_over_the_formula(n, d, seed, temperature):
    first, second = two_views(n, d, seed)
    loss = SimCSELoss(temperature)(first, second)
    assert loss.item() == pytest.approx(naive_loss(first, second, temperature), abs=1e-10)


def test_orthogonal_texts_give_the_closed_form():
    rows = torch.eye(5, dtype=torch.float64)
    assert SimCSELoss(0.5)(rows, rows).item() == pytest.approx(math.log1p(4 * math.exp(-2)))


def test_identical_texts_cannot_be_told_apart():
    rows = unit_rows(1, 4).expand(6, -1)
    assert SimCSELoss()(rows, rows).item() == pytest.approx(math.log(6))


def test_is_the_dna_loss_with_the_own_view_as_only_positive():
    first, second = two_views(7, 4)
    expected = DNALoss(0.05)(first, second, torch.arange(7)[:, None])
    assert SimCSELoss(0.05)(first, second).item() == pytest.approx(expected.item(), abs=1e-12)


def test_gradients_in_float64_flow_through_both_views():
    assert checks_gradient(SimCSELoss(0.3), *two_views(4, 3))


def test_a_batch_of_one_costs_nothing():
    first, second = (view.requires_grad_() for view in two_views(1, 3))
    loss = SimCSELoss()(first, second)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_bad_temperature_is_one_sentence(temperature):
    with pytest.raises(ValueError, match="expected a number above 0"):
        SimCSELoss(temperature)


def test_views_of_different_numbers_of_texts_are_refused():
    first, _ = two_views(3, 2)
    with pytest.raises(ValueError, match=r"second has shape \(2, 2\): expected \(3, 2\)"):
        SimCSELoss()(first, first[:2])
