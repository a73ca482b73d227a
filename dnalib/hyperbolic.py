r"""The Poincaré ball of curvature -c: its map from Euclidean vectors, and its distance.

The few functions that HIER needs. geoopt 0.5.1 has them too, but its distance of all pairs forms
a (b, n, d) tensor: for 512 points of 128 dimensions it took 566 ms with its gradient on one core
where `distance` took 11, and in float32 it was off by 0.2 between opposite points at the edge.
The tests compare the two.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CURVATURE = 0.1
CLIP_RADIUS = 2.3
EDGE = 1e-3
"""Share of the ball's radius that `project` keeps points away from the edge."""


def clip(vectors: Tensor, radius: float = CLIP_RADIUS) -> Tensor:
    """Shorten the rows of ``vectors (n, d)`` that are longer than ``radius``.

    Points near the edge of the ball have vanishing gradients (Guo et al., Clipped Hyperbolic
    Classifiers Are Super-Hyperbolic Classifiers, CVPR 2022).
    """
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors * (radius / (norms + 1e-5)).clamp(max=1)


def exp0(vectors: Tensor, c: float = CURVATURE) -> Tensor:
    r"""Map tangent vectors at the origin, ``(n, d)``, into the ball.

    :math:`\exp_0(u) = \tanh(\sqrt c \|u\|) \, u / (\sqrt c \|u\|)`, so that the origin is at
    distance :math:`2 \|u\|`.
    """
    _check_curvature(c)
    scaled = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp(min=1e-15) * c**0.5
    return torch.tanh(scaled) / scaled * vectors


def project(points: Tensor, c: float = CURVATURE) -> Tensor:
    r"""Pull rows of ``points (n, d)`` back to norm :math:`(1 - 10^{-3}) / \sqrt c` at most."""
    _check_curvature(c)
    norms = torch.linalg.vector_norm(points, dim=-1, keepdim=True).clamp(min=1e-15)
    return points * ((1 - EDGE) / c**0.5 / norms).clamp(max=1)


def to_ball(
    vectors: Tensor,
    c: float = CURVATURE,
    radius: float = CLIP_RADIUS,
    riemannian: bool = False,
) -> Tensor:
    r"""Clip, map and project ``vectors (n, d)``: what HIER does to features and to proxies.

    Parameters
    ----------
    vectors : Tensor (n, d)
    c : float, default 0.1
        Minus the curvature.
    radius : float, default 2.3
        Longest vector before the map.
    riemannian : bool, default False
        Multiply gradients at each point x by :math:`(1 - c \|x\|^2)^2 / 4`, the inverse of the
        ball's metric, as the released code does; otherwise gradients are those of the function.

    Examples
    --------
    >>> point = to_ball(torch.tensor([[4.0, 0.0]]))
    >>> round(point.norm().item(), 3), round(distance(point, 0 * point).item(), 3)
    (1.965, 4.6)
    """
    points = project(exp0(clip(vectors, radius), c), c)
    if not riemannian:
        return points
    scale = (1 - c * points.detach().pow(2).sum(-1, keepdim=True)).square() / 4
    return scale * points + ((1 - scale) * points).detach()


def distance(points: Tensor, others: Tensor, c: float = CURVATURE) -> Tensor:
    r"""Return the hyperbolic distances of all pairs, ``(b, n)``.

    .. math::
        d(x, y) = \frac{2}{\sqrt c} \operatorname{arsinh}
            \sqrt{\frac{c \|x - y\|^2}{(1 - c \|x\|^2)(1 - c \|y\|^2)}} ,

    which is the usual formula by arcosh at half the angle. Unlike that one it has no root of a
    difference to 1, so that near points keep their precision and equal ones a gradient (of 0).
    For c to 0 it is :math:`2 \|x - y\|`.

    Parameters
    ----------
    points : Tensor (b, d)
        Inside the ball of radius :math:`1 / \sqrt c`.
    others : Tensor (n, d)
        Likewise.
    c : float, default 0.1
        Minus the curvature.
    """
    _check_curvature(c)
    # Not by a matrix product: its rounding would be the whole distance of near points.
    gaps = torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")
    room = 1 - c * points.pow(2).sum(-1, keepdim=True)
    other_room = 1 - c * others.pow(2).sum(-1)
    if not ((room > 0).all() and (other_room > 0).all()):
        longest = max(points.detach().norm(dim=-1).max(), others.detach().norm(dim=-1).max())
        raise ValueError(
            f"a point has norm {longest:.6g}: expected less than {c**-0.5:.6g}, the ball's "
            "radius; pass points through project"
        )
    return 2 / math.sqrt(c) * torch.asinh(math.sqrt(c) * gaps / (room * other_room).sqrt())


def _check_curvature(c: float) -> None:
    if not c > 0:
        raise ValueError(f"c is {c}: expected a number above 0")
