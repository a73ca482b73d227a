"""The Poincaré ball against closed forms, the textbook formulas, and geoopt."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.hyperbolic import clip, distance, exp0, project, to_ball
from tests.losses.helpers import checks_gradient, dot

SIZES = st.integers(1, 6)
CURVATURES = st.sampled_from([0.1, 0.5, 1.0])


def vectors(n, d, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64)


def mobius_distance(x, y, c):
    """The definition by Möbius addition of -x and y, in plain numbers."""
    xy, xx, yy = -dot(x, y), dot(x, x), dot(y, y)
    bottom = 1 + 2 * c * xy + c**2 * xx * yy
    sums = [
        ((1 + 2 * c * xy + c * yy) * -a + (1 - c * xx) * b) / bottom
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    return 2 / math.sqrt(c) * math.atanh(math.sqrt(c) * math.sqrt(sum(s * s for s in sums)))


@given(SIZES, SIZES, st.integers(1, 4), st.integers(0, 9999), CURVATURES)
def test_distance_equals_mobius_and_arcosh_formulas(b, n, d, seed, c):
    x, y = exp0(vectors(b, d, seed), c), exp0(vectors(n, d, seed + 1), c)
    got = distance(x, y, c)
    for i in range(b):
        for j in range(n):
            assert got[i, j].item() == pytest.approx(mobius_distance(x[i], y[j], c), rel=1e-8)
            gap = x[i] - y[j]
            room = (1 - c * dot(x[i], x[i])) * (1 - c * dot(y[j], y[j]))
            arcosh = math.acosh(1 + 2 * c * dot(gap, gap) / room) / math.sqrt(c)
            assert got[i, j].item() == pytest.approx(arcosh, rel=1e-6, abs=1e-7)


@given(st.integers(1, 5), st.integers(0, 9999), CURVATURES, st.floats(0.01, 2))
def test_exp0_goes_twice_the_length_of_its_vector(d, seed, c, scale):
    u = vectors(3, d, seed, scale)
    got = distance(exp0(u, c), torch.zeros(1, d, dtype=torch.float64), c)
    torch.testing.assert_close(got[:, 0], 2 * u.norm(dim=1), rtol=1e-8, atol=1e-10)


def test_clipped_vectors_have_the_known_radius_and_distances():
    u = torch.tensor([[9.0, 0.0], [-9.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    x = to_ball(u)
    assert clip(u).norm(dim=1)[0].item() == pytest.approx(2.3, abs=1e-5)
    assert x.norm(dim=1)[0].item() == pytest.approx(1.96512, abs=1e-5)
    got = distance(x, x)
    assert got[0, 2].item() == pytest.approx(4.6, abs=1e-5)
    assert got[0, 1].item() == pytest.approx(9.2, abs=2e-5)


def test_short_vectors_are_not_clipped():
    u = vectors(4, 3, scale=0.3)
    assert torch.equal(clip(u), u)


def test_flat_space_is_the_limit():
    x, y = vectors(3, 4, 0), vectors(2, 4, 1)
    torch.testing.assert_close(distance(x, y, 1e-9), 2 * torch.cdist(x, y), rtol=1e-6, atol=0)


@given(SIZES, st.integers(1, 4), st.integers(0, 9999), CURVATURES)
def test_distance_is_a_metric(n, d, seed, c):
    x = exp0(vectors(n, d, seed), c)
    got = distance(x, x, c)
    torch.testing.assert_close(got, got.T)
    assert torch.equal(got.diagonal(), torch.zeros(n, dtype=torch.float64))
    assert (got[:, None] <= got[:, :, None] + got[None] + 1e-9).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_at_the_edge_have_finite_distances_and_gradients(dtype):
    u = torch.tensor([[1e3, 0.0], [-1e3, 0.0], [1e3, 0.0]], dtype=dtype, requires_grad=True)
    x = project(exp0(u))
    got = distance(x, x)
    got.sum().backward()
    expected = 2 * 2 / math.sqrt(0.1) * math.atanh(1 - 1e-3)
    assert got[0, 1].item() == pytest.approx(expected, rel=1e-4)
    assert got[0, 2].item() == 0
    assert torch.isfinite(u.grad).all()


def test_near_points_keep_their_distance_in_float32():
    x = torch.full((1, 64), 0.2)
    y = x.clone()
    y[0, 0] += 1e-4
    expected = distance(x.double(), y.double())
    assert distance(x, y).item() == pytest.approx(expected.item(), rel=1e-3)


def test_the_origin_maps_to_itself_with_the_identity_as_gradient():
    u = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    to_ball(u).sum().backward()
    torch.testing.assert_close(u.grad, torch.ones_like(u))


def test_gradients_in_float64():
    u, v = vectors(3, 3, 0), vectors(2, 3, 1)
    assert checks_gradient(lambda a, b: distance(to_ball(a), to_ball(b)), u, v)
    assert checks_gradient(to_ball, vectors(3, 3, 2, scale=5.0))


def test_riemannian_gradients_are_scaled_by_the_inverse_metric():
    gradients = []
    for riemannian in (False, True):
        u = vectors(3, 2).requires_grad_()
        x = to_ball(u, riemannian=riemannian)
        x[:, 0].sum().backward()
        gradients.append(u.grad)
    scale = (1 - 0.1 * x.detach().pow(2).sum(1, keepdim=True)) ** 2 / 4
    torch.testing.assert_close(gradients[1], scale * gradients[0])
    torch.testing.assert_close(x, to_ball(u))


def test_bad_input_is_one_sentence():
    x = torch.tensor([[4.0, 0.0]])
    with pytest.raises(ValueError, match="a point has norm 4: expected less than 3.16228"):
        distance(x, x)
    with pytest.raises(ValueError, match="c is 0: expected a number above 0"):
        exp0(x, 0)


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("c", [0.1, 1.0])
def test_equals_geoopt(c):
    import geoopt  # here, where its use of a deprecated function is known

    geometry = geoopt.manifolds.stereographic.math
    k = torch.tensor(-c, dtype=torch.float64)
    u, v = vectors(5, 4, 0), vectors(7, 4, 1)
    torch.testing.assert_close(exp0(u, c), geometry.expmap0(u, k=k))
    x, y = exp0(u, c), exp0(v, c)
    torch.testing.assert_close(distance(x, y, c), geometry.dist(x[:, None], y[None], k=k))
    far = 50 * u
    torch.testing.assert_close(project(far, c), geometry.project(far, k=k, eps=1e-3))
