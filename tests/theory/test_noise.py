"""How far false positives move a center, against the centers themselves."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnalib import theory
from tests.theory.problems import TOLERANCE, close, problems


@settings(deadline=None)
@given(problems, st.integers(0, 1000))
def test_noise_moves_the_center_by_rate_times_distance(problem, seed):
    _, keys, positives, _, _ = problem
    false = np.random.default_rng(seed).random(positives.shape) < 0.4
    found = theory.noise_shift(keys, positives, false)
    expected = found.rate * found.distance
    torch.testing.assert_close(found.shift, expected, equal_nan=True, **TOLERANCE)
    for i, row in enumerate(positives.tolist()):
        true_keys = [keys[p] for p, f in zip(row, false[i], strict=True) if p >= 0 and not f]
        false_keys = [keys[p] for p, f in zip(row, false[i], strict=True) if p >= 0 and f]
        close(found.rate[i], len(false_keys) / (len(true_keys) + len(false_keys)))
        if not true_keys:
            assert found.shift[i].isnan() and found.distance[i].isnan()
            continue
        true_center = sum(true_keys) / len(true_keys)
        center = (sum(true_keys) + sum(false_keys)) / (len(true_keys) + len(false_keys))
        close(found.shift[i], (center - true_center).norm())
