"""STAR's losses against loops, and its divergence against torch.distributions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from dnalib.losses import DNALoss, GaussianHead, STARLoss, rank_weights, symmetric_divergence
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, unit_rows


def gaussians(n, g, seed):
    return unit_rows(n, g, seed), unit_rows(n, g, seed + 1).exp()


def divergence(first, second):
    one, other = (Independent(Normal(mean, var.sqrt()), 1) for mean, var in (first, second))
    return float(kl_divergence(one, other) + kl_divergence(other, one)) / 2


def make_case(n, d, p, seed):
    b = max(1, n // 2)
    generator = torch.Generator().manual_seed(seed)
    positives = torch.stack([torch.randperm(n, generator=generator)[:p] for _ in range(b)])
    positives[torch.rand(positives.shape, generator=generator) < 0.3] = -1
    return (
        unit_rows(b, d, seed), unit_rows(n, d, seed + 1), gaussians(b, 3, seed + 2),
        gaussians(n, 3, seed + 4), positives,
    )  # fmt: skip


def naive_loss(case, weights, own, loss):
    queries, keys, query_gaussians, key_gaussians, positives = case
    values = []
    for i, q in enumerate(queries):
        kept = [(int(j), float(w)) for j, w in zip(positives[i], weights, strict=True) if j >= 0]
        if not kept:
            continue
        mine = [part[i] for part in query_gaussians]
        d = [divergence(mine, [part[k] for part in key_gaussians]) for k in range(len(keys))]
        cos = [dot(q, h) / loss.temperature for h in keys]
        others = [k for k in range(len(keys)) if own is None or k != int(own[i])]
        z1 = log_sum_exp([-d[k] / loss.temperature for k in others])
        z2 = log_sum_exp([cos[k] + d[k] * math.log(loss.base) for k in others])
        total = sum(w for _, w in kept)
        l1 = -sum(w * (-d[j] / loss.temperature - z1) for j, w in kept) / total
        l2 = -sum(w * (cos[j] - z2) for j, w in kept) / total
        values.append(l2 + loss.divergence_weight * l1)
    return sum(values) / len(values) if values else 0.0


@given(
    st.integers(2, 8), st.integers(2, 4), st.integers(1, 2), st.integers(0, 9999),
    st.sampled_from([0.5, 1.0, 10.0]), st.booleans(),
)  # fmt: skip
def test_equals_the_loop_over_the_formulas(n, d, p, seed, base, exclude_self):
    case = make_case(n, d, p, seed)
    weights = rank_weights(p, 5.0)[1:].double()
    own = torch.arange(len(case[0])) if exclude_self else None
    loss = STARLoss(temperature=0.5, base=base).double()
    value = loss(*case, own, weights)
    assert value.item() == pytest.approx(naive_loss(case, weights, own, loss), abs=1e-10)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(0, 9999))
def test_divergence_equals_that_of_torch(b, n, g, seed):
    first, second = gaussians(b, g, seed), gaussians(n, g, seed + 2)
    expected = [
        [divergence([p[i] for p in first], [p[k] for p in second]) for k in range(n)]
        for i in range(b)
    ]
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(symmetric_divergence(first, second), expected, rtol=0, atol=1e-10)


def test_a_gaussian_has_no_divergence_from_itself_and_a_known_one_from_a_shifted():
    mean, var = gaussians(4, 5, 0)
    own = symmetric_divergence((mean, var), (mean, var)).diagonal()
    torch.testing.assert_close(own, torch.zeros(4).double(), rtol=0, atol=1e-12)
    shifted = symmetric_divergence((mean, 0 * var + 2), (mean + 3, 0 * var + 2)).diagonal()
    torch.testing.assert_close(shifted, torch.full((4,), 5 * 9 / (2 * 2)).double())


def test_with_base_one_and_no_divergence_term_it_is_dna():
    queries, keys, ours, theirs, positives = make_case(8, 3, 2, 1)
    loss = STARLoss(divergence_weight=0, base=1)(queries, keys, ours, theirs, positives)
    assert loss.item() == pytest.approx(DNALoss(0.07)(queries, keys, positives).item(), abs=1e-10)


def test_gradients_in_float64_reach_features_gaussians_and_base():
    queries, keys, ours, theirs, positives = make_case(6, 3, 2, 4)
    loss = STARLoss(temperature=0.5).double()

    def value(q, mean, var, log_base):
        loss.__dict__["log_base"] = log_base
        return loss(q, keys, (mean, var), theirs, positives)

    log_base = loss._parameters.pop("log_base").detach()
    assert checks_gradient(value, queries, *ours, log_base)


def test_the_divergence_term_alone_rewards_shrinking_the_base():
    loss = STARLoss(divergence_weight=0).double()
    loss(*make_case(6, 3, 2, 2)).backward()
    assert loss.log_base.grad > 0
    assert loss.base == pytest.approx(10, rel=1e-6)


def test_without_positives_the_loss_is_zero_with_a_gradient():
    queries, keys, ours, theirs, positives = make_case(6, 3, 2, 0)
    queries.requires_grad_()
    loss = STARLoss()(queries, keys, ours, theirs, torch.full_like(positives, -1))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(queries.grad, torch.zeros_like(queries))


def test_a_query_alone_in_the_bank_costs_nothing():
    queries, gaussian = unit_rows(1, 3), gaussians(1, 2, 0)
    loss = STARLoss(base=1)(queries, queries, gaussian, gaussian, torch.tensor([[0]]))
    assert loss.item() == pytest.approx(0, abs=1e-10)


def test_head_gives_variances_above_zero():
    head = GaussianHead(4, 3)
    mean, variance = head(1e4 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0)))
    assert mean.shape == variance.shape == (50, 3)
    assert (variance > 0).all()


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="base is 0: expected a number above 0"):
        STARLoss(base=0)
    with pytest.raises(ValueError, match=r"the variances has shape \(2, 2\): expected \(2, 3\)"):
        symmetric_divergence((torch.ones(2, 3), torch.ones(2, 2)), gaussians(2, 3, 0))
