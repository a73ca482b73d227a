"""The bounds against their formulas, and where they are attained."""

import math

import torch
from hypothesis import given, settings

from dnalib import theory
from tests.theory.problems import close, problems, rows


@settings(deadline=None)
@given(problems)
def test_bounds_hold_and_match_their_formulas(problem):
    found = theory.bounds(*problem)
    slack = 1e-10
    assert (found.loss >= found.log_positives - slack).all()
    assert (found.loss >= found.inside_log - slack).all()
    assert (found.log_partition >= found.log_partition_bound - slack).all()
    for i, (q, positive_keys, all_keys, tau) in enumerate(rows(problem)):
        z = sum(math.exp(float(q @ h) / tau) for h in all_keys)
        inside = sum(math.exp(float(q @ h) / tau) for h in positive_keys) / len(positive_keys)
        mean_key = sum(all_keys) / len(all_keys)
        close(found.log_positives[i], math.log(len(positive_keys)))
        close(found.inside_log[i], math.log(z) - math.log(inside))
        close(found.log_partition_bound[i], math.log(len(all_keys)) + float(q @ mean_key) / tau)


def test_bounds_are_attained_where_they_say():
    # Every key coincides and is a positive: softmax uniform on P, all similarities equal.
    keys = torch.tensor([[0.6, 0.8]], dtype=torch.float64).repeat(4, 1)
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    found = theory.bounds(query, keys, [[0, 1, 2, 3]], 0.1)
    close(found.loss, [math.log(4)])
    close(found.loss, found.log_positives)
    close(found.loss, found.inside_log)
    close(found.log_partition, found.log_partition_bound)
