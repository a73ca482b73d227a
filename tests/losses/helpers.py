"""What the tests of losses share: unit rows, views of them, and the softmax of a formula."""

import math

import torch
from torch.nn.functional import normalize


def unit_rows(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n, d, generator=generator, dtype=torch.float64))


def two_views(n, d, seed=0):
    return unit_rows(n, d, seed), unit_rows(n, d, seed + 10_000)


def dot(a, b):
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def log_sum_exp(values):
    return math.log(sum(math.exp(value) for value in values))


def checks_gradient(function, *inputs):
    return torch.autograd.gradcheck(function, [x.detach().requires_grad_() for x in inputs])
