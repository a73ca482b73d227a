"""What the tests of `dnalib.theory` share: random problems, and the loss by its definition."""

import math

import numpy as np
import torch
from hypothesis import strategies as st

from dnalib import theory

TOLERANCE = {"atol": 1e-10, "rtol": 1e-10}


def close(actual, expected):
    torch.testing.assert_close(
        torch.as_tensor(actual, dtype=torch.float64),
        torch.as_tensor(expected, dtype=torch.float64),
        **TOLERANCE,
    )


def random_problem(seed=0, batch=6, n=25, d=7, width=5, tau=0.07, exclude_self=False, unit=True):
    """Queries are the first keys, moved a little; between 1 and `width` positives each."""
    generator = np.random.default_rng(seed)
    keys = torch.as_tensor(generator.normal(size=(n, d)))
    queries = keys[:batch] + 0.5 * torch.as_tensor(generator.normal(size=(batch, d)))
    if unit:
        queries, keys = theory.unit_rows(queries), theory.unit_rows(keys)
    positives = np.full((batch, width), -1)
    for row in range(batch):
        others = np.setdiff1d(np.arange(n), [row])
        count = generator.integers(1, width + 1)
        # Padding anywhere, as a mask over retrieved neighbors leaves it.
        slots = generator.permutation(width)[:count]
        positives[row, slots] = generator.choice(others, size=count, replace=False)
    self_index = torch.arange(batch) if exclude_self else None
    return queries, keys, torch.as_tensor(positives), tau, self_index


def rows(problem):
    """Each query with the list of its positives' keys and the list of the keys of Z."""
    queries, keys, positives, tau, self_index = problem
    for i, q in enumerate(queries):
        left_out = None if self_index is None else int(self_index[i])
        yield (
            q,
            [keys[p] for p in positives[i].tolist() if p >= 0],
            [h for k, h in enumerate(keys) if k != left_out],
            tau,
        )


def naive_loss(q, positive_keys, all_keys, tau):
    z = sum(math.exp(float(q @ h) / tau) for h in all_keys)
    terms = [-math.log(math.exp(float(q @ h) / tau) / z) for h in positive_keys]
    return sum(terms) / len(terms)


problems = st.builds(
    random_problem,
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 4),
    n=st.integers(6, 20),
    d=st.integers(2, 9),
    width=st.integers(1, 5),
    tau=st.floats(0.03, 2.0),
    exclude_self=st.booleans(),
)
