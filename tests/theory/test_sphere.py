"""Alignment and uniformity against loops, and at their extremes."""

import math

import numpy as np
import pytest
import torch

from dnalib import theory
from dnalib.theory import sphere
from tests.theory.problems import close, random_problem, rows


def test_uniformity_by_loops():
    features = theory.unit_rows(np.random.default_rng(0).normal(size=(9, 4)))
    kernel = [
        math.exp(-2 * float((features[i] - features[j]).square().sum()))
        for i in range(9)
        for j in range(9)
        if i != j
    ]
    assert theory.uniformity(features) == pytest.approx(math.log(np.mean(kernel)), abs=1e-12)


def test_uniformity_in_blocks(monkeypatch):
    features = theory.unit_rows(np.random.default_rng(0).normal(size=(11, 3)))
    whole = theory.uniformity(features)
    monkeypatch.setattr(sphere, "UNIFORMITY_BLOCK", 4)
    assert theory.uniformity(features) == pytest.approx(whole, abs=1e-12)


def test_uniformity_extremes():
    point = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert theory.uniformity(point.repeat(3, 1)) == pytest.approx(0.0)
    assert theory.uniformity(torch.cat([point, -point]), t=2) == pytest.approx(-8.0)


def test_alignment_by_loops_and_as_terms_of_the_loss():
    problem = random_problem()
    queries, keys, positives, tau, _ = problem
    distances = [
        np.mean([float((q - h) @ (q - h)) for h in positive_keys])
        for q, positive_keys, _, _ in rows(problem)
    ]
    found = theory.alignment(queries, keys, positives)
    close(found, np.mean(distances))
    parts = theory.decompose(queries, keys, positives, tau)
    close(found, 2 * tau * (parts.attraction + parts.spread).mean())
