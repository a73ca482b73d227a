"""Instance spreading, paper and released form, against loops over the formulas."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import ISIFLoss, NTXentLoss
from tests.losses.helpers import checks_gradient, dot, two_views, unit_rows

SIZES = st.integers(1, 6)
SEEDS = st.integers(0, 9999)


def naive_paper(originals, augmented, temperature):
    def probability(i, x):
        terms = [math.exp(dot(f, x) / temperature) for f in originals]
        return terms[i] / sum(terms)

    m = len(originals)
    total = sum(math.log(probability(i, augmented[i])) for i in range(m))
    for i in range(m):
        total += sum(math.log(1 - probability(i, originals[j])) for j in range(m) if j != i)
    return -total / m


def naive_released(first, second, temperature, spread):
    rows = [*first, *second]
    m = len(first)
    total = 0.0
    for i in range(2 * m):
        terms = [math.exp(dot(rows[i], row) / temperature) for row in rows]
        other = (i + m) % (2 * m)
        negatives = [j for j in range(2 * m) if j not in (i, other)]
        denominator = terms[other] + spread * sum(terms[j] for j in negatives)
        total += math.log(terms[other] / denominator)
        total += spread * sum(math.log(1 - terms[j] / denominator) for j in negatives)
    return -total / (2 * m)


@given(SIZES, st.integers(1, 5), SEEDS, st.sampled_from([0.2, 1.0]))
def test_paper_form_equals_the_loop(n, d, seed, temperature):
    first, second = two_views(n, d, seed)
    loss = ISIFLoss(temperature, form="paper")(first, second)
    assert loss.item() == pytest.approx(naive_paper(first, second, temperature), abs=1e-10)


@given(
    SIZES, st.integers(2, 5), SEEDS, st.sampled_from([0.5, 1.0]), st.sampled_from([1.0, 1.4, 3.0])
)  # fmt: skip
def test_released_form_equals_the_loop(n, d, seed, temperature, spread):
    first, second = two_views(n, d, seed)
    loss = ISIFLoss(temperature, spread)(first, second)
    expected = naive_released(first, second, temperature, spread)
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_without_spreading_it_is_ntxent():
    first, second = two_views(6, 4)
    loss = ISIFLoss(0.2, spread=0, stop_gradient=False)
    assert loss(first, second).item() == pytest.approx(NTXentLoss(0.2)(first, second).item())


def test_stop_gradient_changes_the_gradient_and_not_the_value():
    values, gradients = [], []
    for stop in (True, False):
        first, second = (view.requires_grad_() for view in two_views(5, 4))
        loss = ISIFLoss(0.3, stop_gradient=stop)(first, second)
        loss.backward()
        values.append(loss.item())
        gradients.append(first.grad)
    assert values[0] == values[1]
    assert not torch.allclose(gradients[0], gradients[1])


def test_released_gradient_is_that_of_the_anchor_rows_alone():
    first, second = (view.requires_grad_() for view in two_views(4, 3))
    ISIFLoss(0.3)(first, second).backward()
    fixed = torch.cat([first, second]).detach()
    for row in range(8):
        anchor = fixed[row].clone().requires_grad_()
        logits = fixed @ anchor / 0.3
        others = torch.arange(8) != row
        p = logits[others].softmax(0)
        positive = torch.arange(8)[others] == (row + 4) % 8
        terms = p[positive].log().sum() + (1 - p[~positive]).log().sum()
        (-terms / 8).backward()
        expected = torch.cat([first.grad, second.grad])[row]
        torch.testing.assert_close(anchor.grad, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", ["paper", "released"])
def test_gradients_in_float64(form):
    loss = ISIFLoss(0.5, spread=1.5, form=form, stop_gradient=False)
    assert checks_gradient(loss, *two_views(4, 3))


def test_identical_inputs_give_the_closed_forms():
    rows = unit_rows(1, 4).expand(3, -1)
    paper = math.log(3) - 2 * math.log(2 / 3)
    assert ISIFLoss(form="paper")(rows, rows).item() == pytest.approx(paper)
    released = math.log(5) - 4 * math.log(4 / 5)
    assert ISIFLoss()(rows, rows).item() == pytest.approx(released)


@pytest.mark.parametrize("form", ["paper", "released"])
def test_a_batch_of_one_costs_nothing(form):
    rows = unit_rows(1, 3).requires_grad_()
    loss = ISIFLoss(form=form)(rows, rows)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.isfinite(rows.grad).all()


def test_a_certain_mistake_is_finite_in_float32():
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    loss = ISIFLoss(0.05, stop_gradient=False)(first, -first)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(first.grad).all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": 0}, "temperature is 0: expected a number above 0"),
        ({"spread": -1}, "spread is -1: expected 0 or a number above it"),
        ({"form": "both"}, "form is 'both': expected one of released, paper"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ISIFLoss(**settings)
