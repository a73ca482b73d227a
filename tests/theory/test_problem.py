"""Bad input is refused in one sentence, whatever the statement."""

import math

import numpy as np
import pytest

from dnalib import theory
from tests.theory.problems import random_problem

FORMS = [
    theory.decompose,
    theory.pairwise_form,
    theory.unit_center_form,
    theory.gradients,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["queries", "keys"])
def test_unit_length_is_demanded(form, which):
    queries, keys, positives, tau, _ = random_problem()
    bad = queries if which == "queries" else keys
    bad[3] *= 2
    with pytest.raises(ValueError, match=rf"row 3 of {which} has length 2, .*unit_rows"):
        form(queries, keys, positives, tau)


def test_nan_is_not_a_unit_row():
    queries, keys, positives, tau, _ = random_problem()
    keys[1, 0] = math.nan
    with pytest.raises(ValueError, match="row 1 of keys has length nan"):
        theory.decompose(queries, keys, positives, tau)


@pytest.mark.parametrize("form", [*FORMS, theory.bounds, theory.any_norm_form])
@pytest.mark.parametrize(
    "change, message",
    [
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"positives": [[1], [-1]]}, r"query 1 has no positive \(1 such"),
        ({"positives": [[1], [4]]}, "positives run from 1 to 4"),
        ({"positives": [[1], [-2]]}, "positives run from -2 to 1"),
        ({"positives": [[1, 2, 1], [0, -1, -1]]}, "query 0 has the positive 1 twice"),
        ({"positives": [[1]]}, "for 2 queries"),
        ({"queries": np.eye(3)[:2]}, "same d"),
        ({"self_index": [1, 0]}, "query 1 is among its own positives"),
        ({"self_index": [1]}, r"self_index has shape \(1,\)"),
    ],
)
def test_bad_inputs_are_named(form, change, message):
    arguments = {
        "queries": np.eye(4)[:2],
        "keys": np.eye(4),
        "positives": [[2], [0]],
        "temperature": 0.07,
    }
    with pytest.raises(ValueError, match=message):
        form(**(arguments | change))


def test_cancelling_positives_have_no_direction():
    keys = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="positives of query 0 cancel out"):
        theory.unit_center_form(keys[2:], keys, [[0, 1]], 0.07)
    assert theory.decompose(keys[2:], keys, [[0, 1]], 0.07).center_norm.item() == 0.0


def test_types_may_differ():
    queries, keys = [[0.6, 0.8]], [[1, 0], [0, 1]]
    mixed = theory.decompose(np.float32(queries), np.float64(keys), [[0]], 0.07)
    whole = theory.decompose(np.float64(queries), np.array(keys), [[0]], 0.07)
    assert mixed.center_norm.item() == whole.center_norm.item() == 1.0


def test_other_errors():
    with pytest.raises(ValueError, match="row 1 has length 0"):
        theory.unit_rows([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="n=5"):
        theory.circle_counterexample(5)
    with pytest.raises(ValueError, match="1 row"):
        theory.uniformity(np.eye(2)[:1])
    with pytest.raises(ValueError, match=r"labels have shape \(2,\) for 3 rows"):
        theory.kmeans_gap(np.eye(3), [[0], [1], [2]], [0, 1])
    with pytest.raises(ValueError, match="one flag per positive"):
        theory.noise_shift(np.eye(3), [[0, 1]], [True])
