"""Pairwise binary cross-entropy against a loop, and the three judgments of pairs."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from dnalib.losses import PairwiseBCELoss, same_by_cosine, same_by_rank, same_by_share
from tests.losses.helpers import checks_gradient, dot, two_views, unit_rows


class Devices(TorchFunctionMode):
    """Notes where every tensor is that is made under it."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.seen.add(made.device.type)
        return made


def test_pairs_are_chosen_where_the_features_are():
    features = torch.ones(4, 3, device="meta")
    with Devices() as devices:
        same_by_share(features, 0.5)
    assert devices.seen == {"meta"}


def probabilities(b, c, seed):
    first, second = two_views(b, c, seed)
    return first.softmax(1), second.softmax(1)


def naive_loss(first, second, same, eps):
    total = 0.0
    for i, p in enumerate(first):
        for j, q in enumerate(second):
            agreement = dot(p, q)
            total -= math.log((agreement if same[i, j] else 1 - agreement) + eps)
    return total / len(first) ** 2


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 9999))
def test_equals_the_loop_over_the_formula(b, c, seed):
    first, second = probabilities(b, c, seed)
    same = torch.rand(b, b, generator=torch.Generator().manual_seed(seed)) < 0.5
    loss = PairwiseBCELoss()(first, second, same)
    assert loss.item() == pytest.approx(naive_loss(first, second, same, 1e-7), abs=1e-10)


def test_undecided_predictions_give_the_closed_form():
    even = torch.full((3, 4), 0.25, dtype=torch.float64)
    same = torch.eye(3, dtype=torch.bool)
    expected = -(math.log(0.25) + 2 * math.log(0.75)) / 3
    assert PairwiseBCELoss()(even, even, same).item() == pytest.approx(expected, abs=1e-6)


def test_certain_mistakes_are_finite():
    sure = torch.eye(3, requires_grad=True)
    loss = PairwiseBCELoss()(sure, sure, ~torch.eye(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-7), rel=1e-4)
    assert torch.isfinite(sure.grad).all()


def test_a_batch_of_one_agrees_with_itself():
    p = torch.tensor([[0.5, 0.5]])
    same = same_by_cosine(torch.ones(1, 3))
    assert PairwiseBCELoss()(p, p, same).item() == pytest.approx(math.log(2), abs=1e-6)


def test_gradients_in_float64():
    same = torch.eye(3, dtype=torch.bool)
    assert checks_gradient(lambda p, q: PairwiseBCELoss()(p, q, same), *probabilities(3, 4, 0))


def test_inputs_are_left_as_they_were():
    first, second = probabilities(3, 4, 0)
    before = first.clone()
    PairwiseBCELoss()(first, second, torch.eye(3, dtype=torch.bool))
    assert torch.equal(first, before)


def test_cosine_does_not_depend_on_length():
    features = torch.tensor([[1.0, 0.0], [9.0, 0.1], [0.0, 1.0]])
    expected = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    assert torch.equal(same_by_cosine(features), expected)


@given(st.integers(1, 8), st.integers(2, 6), st.integers(1, 2), st.integers(0, 99))
def test_rank_equals_a_loop_over_sets(n, d, m, seed):
    features = unit_rows(n, d, seed)
    top = [set(sorted(range(d), key=lambda l: -row[l])[:m]) for row in features.tolist()]
    expected = torch.tensor([[a == b for b in top] for a in top])
    assert torch.equal(same_by_rank(features, m), expected)


def test_bad_input_is_one_sentence():
    p = torch.full((2, 2), 0.5)
    with pytest.raises(ValueError, match=r"same has shape \(3, 3\): expected \(2, 2\)"):
        PairwiseBCELoss()(p, p, torch.eye(3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"eps is -1: expected a number in \[0, 1\)"):
        PairwiseBCELoss(-1)
    with pytest.raises(ValueError, match="m is 3: expected 1 to 2, the length of a feature"):
        same_by_rank(p, 3)


@given(st.integers(1, 7), st.floats(0, 1), st.integers(0, 9999))
def test_a_share_of_the_pairs_is_the_most_similar_ones(b, of_pairs, seed):
    rows = unit_rows(b, 3, seed)
    same = same_by_share(rows * 5, of_pairs)
    pairs = [(i, j) for i in range(b) for j in range(i)]
    count = round(of_pairs * len(pairs))
    best = sorted(pairs, key=lambda pair: -dot(rows[pair[0]], rows[pair[1]]))[:count]
    expected = {(i, i) for i in range(b)} | set(best) | {(j, i) for i, j in best}
    assert {tuple(pair) for pair in same.nonzero().tolist()} == expected


def test_a_share_above_one_is_refused():
    with pytest.raises(ValueError, match=r"of_pairs is 2: expected a number in \[0, 1\]"):
        same_by_share(torch.eye(2), 2)
