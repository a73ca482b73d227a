"""The gradient against that of autograd, with and without the normalization."""

import torch
from hypothesis import given, settings

from dnalib import theory
from tests.theory.problems import close, problems, random_problem


@settings(deadline=None)
@given(problems)
def test_gradients_agree_with_autograd(problem):
    queries, keys, positives, tau, self_index = problem
    scale = torch.linspace(0.5, 3.0, len(queries), dtype=torch.float64)[:, None]
    raw = (queries * scale).requires_grad_()
    found = theory.gradients(*problem)

    def through_normalization(value_of):
        value = value_of(raw / raw.norm(dim=1, keepdim=True)).sum()
        return torch.autograd.grad(value, raw)[0]

    def parts(q):
        return theory.decompose(q, keys, positives, tau, self_index)

    expected = found.tangent / scale
    close(through_normalization(lambda q: parts(q).loss), expected)
    close(through_normalization(lambda q: parts(q).attraction + parts(q).log_partition), expected)


def test_gradients_before_projection_differ_by_the_radial_term():
    problem = random_problem(exclude_self=True)
    queries, keys, positives, tau, self_index = problem
    free = queries.clone().requires_grad_()
    parts = theory.decompose(free, keys, positives, tau, self_index)
    found = theory.gradients(*problem)
    close(torch.autograd.grad(parts.loss.sum(), free, retain_graph=True)[0], found.loss)
    surrogate = (parts.attraction + parts.log_partition).sum()
    close(torch.autograd.grad(surrogate, free)[0], found.surrogate)
    close(found.surrogate - found.loss, queries / tau)
    close((found.tangent * queries).sum(1), torch.zeros(len(queries)))
