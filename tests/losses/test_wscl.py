"""WSCL's weighted contrastive loss against a loop over the formula."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import WSCLLoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, two_views, unit_rows


def naive_loss(deep, shallow, coarse, queued, queued_coarse, loss):
    def weighted_log_sum(i, rows):
        logits = [
            dot(deep[i], rows[j]) / loss.temperature
            + math.log(loss.same if coarse[i] == coarse[j] else loss.different)
            for j in range(len(rows))
            if j != i
        ]
        return log_sum_exp(logits) if logits else 0.0

    total = 0.0
    for i in range(len(deep)):
        logits = [
            dot(deep[i], row) / loss.temperature
            for row, label in zip(queued, queued_coarse, strict=True)
            if label == coarse[i]
        ]
        total += dot(deep[i], shallow[i]) / loss.temperature
        total -= weighted_log_sum(i, shallow) + weighted_log_sum(i, deep)
        total -= log_sum_exp(logits) if logits else 0.0
    return -total / len(deep)


@given(
    st.integers(1, 6), st.integers(0, 7), st.integers(1, 4), st.integers(0, 9999),
    st.sampled_from([0.1, 1.0]), st.sampled_from([1.0, 1.4]),
)  # fmt: skip
def test_equals_the_loop_over_the_formula(b, q, d, seed, temperature, different):
    deep, shallow = two_views(b, d, seed)
    coarse, queued_coarse = torch.arange(b) % 3, torch.arange(q) % 2
    queued = unit_rows(q, d, seed + 1)
    loss = WSCLLoss(3, d, temperature, different=different, queue_size=8).double()
    loss.update(queued, queued_coarse)
    expected = naive_loss(deep, shallow, coarse, queued, queued_coarse, loss)
    assert loss(deep, shallow, coarse).item() == pytest.approx(expected, abs=1e-10)


def test_orthogonal_texts_give_the_closed_form():
    rows = torch.eye(4, dtype=torch.float64)
    loss = WSCLLoss(2, 4, temperature=0.5)
    same = loss(rows, rows, torch.zeros(4, dtype=torch.long))
    assert same.item() == pytest.approx(2 * math.log(3) - 2)
    different = loss(rows[:2], rows[:2], torch.tensor([0, 1]))
    assert different.item() == pytest.approx(2 * math.log(1.4) - 2)


def test_a_text_is_pushed_from_the_queue_of_its_own_label_only():
    deep, shallow = two_views(2, 3)
    loss = WSCLLoss(3, 3)
    before = loss(deep, shallow, torch.tensor([0, 1])).item()
    loss.update(deep, torch.tensor([2, 2]))
    assert loss(deep, shallow, torch.tensor([0, 1])).item() == before
    loss.update(deep, torch.tensor([0, 0]))
    assert loss(deep, shallow, torch.tensor([0, 1])).item() != before


def test_identical_points_are_finite():
    rows = unit_rows(1, 3).expand(4, -1)
    loss = WSCLLoss(1, 3)(rows, rows, torch.zeros(4, dtype=torch.long))
    assert loss.item() == pytest.approx(10 + 2 * math.log(3))


def test_a_batch_of_one_is_attraction_alone():
    deep, shallow = (view.requires_grad_() for view in two_views(1, 3))
    loss = WSCLLoss(1, 3)(deep, shallow, torch.tensor([0]))
    loss.backward()
    assert loss.item() == pytest.approx(-dot(deep[0], shallow[0]) / 0.1)
    torch.testing.assert_close(deep.grad, -shallow.detach() / 0.1)


def test_gradients_in_float64():
    loss = WSCLLoss(2, 3, temperature=0.4).double()
    loss.update(unit_rows(3, 3, 5), torch.tensor([0, 0, 0]))
    coarse = torch.tensor([0, 1, 0, 1])
    assert checks_gradient(lambda d, s: loss(d, s, coarse), *two_views(4, 3))


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="temperature is 0: expected a number above 0"):
        WSCLLoss(2, 3, temperature=0)
    with pytest.raises(ValueError, match="different is -1: expected a number above 0"):
        WSCLLoss(2, 3, different=-1)
    rows = unit_rows(3, 3)
    with pytest.raises(ValueError, match=r"shallow has shape \(2, 3\): expected \(3, 3\)"):
        WSCLLoss(2, 3)(rows, rows[:2], torch.zeros(3, dtype=torch.long))
