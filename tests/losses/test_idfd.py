"""IDFD against loops over its two formulas, and the orthogonal reference value."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import IDFDLoss, feature_decorrelation
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, unit_rows


def naive_discrimination(features, indices, memory, temperature):
    losses = []
    for feature, i in zip(features, indices, strict=True):
        logits = [dot(row, feature) / temperature for row in memory]
        losses.append(log_sum_exp(logits) - logits[i])
    return sum(losses) / len(losses)


def naive_decorrelation(features, temperature):
    columns = [column / math.sqrt(dot(column, column)) for column in features.T]
    losses = []
    for i, column in enumerate(columns):
        logits = [dot(column, other) / temperature for other in columns]
        losses.append(log_sum_exp(logits) - logits[i])
    return sum(losses) / len(losses)


@given(
    st.integers(1, 8), st.integers(1, 5), st.integers(0, 9999), st.sampled_from([0.1, 1.0]),
    st.sampled_from([0.0, 1.0, 2.5]),
)  # fmt: skip
def test_equals_the_loops_over_the_formulas(n, d, seed, temperature, weight):
    features = unit_rows(max(1, n // 2), d, seed)
    indices = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: len(features)]
    loss = IDFDLoss(n, d, temperature, 2.0, weight, seed=seed).double()
    expected = naive_discrimination(
        features, indices.tolist(), loss.memory.features, temperature
    ) + weight * naive_decorrelation(features, 2.0)
    assert loss(features, indices).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_orthogonal_columns_give_the_reference_value_which_is_not_the_least(temperature):
    eye = torch.eye(3, dtype=torch.float64)
    reference = -1 / temperature + math.log(math.exp(1 / temperature) + 2)
    orthogonal = feature_decorrelation(eye, temperature).item()
    assert orthogonal == pytest.approx(reference, abs=1e-12)
    apart = feature_decorrelation(eye - 1 / 3, temperature).item()
    assert apart < orthogonal


def test_identical_columns_give_the_largest_value():
    features = unit_rows(5, 1).expand(-1, 4)
    assert feature_decorrelation(features).item() == pytest.approx(math.log(4))


def test_a_column_of_zeros_and_a_batch_of_one_are_finite():
    features = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = IDFDLoss(4, 3)
    value = loss(features, torch.tensor([2]))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(features.grad).all()


def test_one_instance_alone_costs_nothing():
    loss = IDFDLoss(1, 3, decorrelation_weight=0)
    assert loss(unit_rows(1, 3), torch.tensor([0])).item() == 0


def test_gradients_in_float64():
    loss, indices = IDFDLoss(6, 3, temperature=0.5).double(), torch.tensor([4, 0, 2])
    assert checks_gradient(lambda v: loss(v, indices), unit_rows(3, 3))


def test_the_memory_comes_nearer_with_every_update_and_the_loss_falls():
    features, indices = unit_rows(5, 4), torch.arange(5)
    loss = IDFDLoss(5, 4, temperature=0.1)
    values = []
    for _ in range(4):
        values.append(loss(features, indices).item())
        loss.update(features, indices)
    assert values == sorted(values, reverse=True)
    assert (loss.memory.features * features).sum(1).min() > 0.9


def test_bad_temperatures_are_one_sentence():
    with pytest.raises(ValueError, match="temperature is 0: expected a number above 0"):
        IDFDLoss(3, 2, temperature=0)
    with pytest.raises(ValueError, match="decorrelation_temperature is -1: expected"):
        IDFDLoss(3, 2, decorrelation_temperature=-1)
