"""The view of images: random resized crop and what else leaves the object what it is.

All of it is computed on a whole batch: one affine map of places and one of colors an image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dnalib.training.config import IMAGE_PARTS

LARGEST_TURN = math.radians(15)
LARGEST_SHIFT = 0.1
LARGEST_HUE = 0.4 * 2 * math.pi
LARGEST_JITTER = 0.4
GRAY_SHARE = 0.2

LUMA = torch.tensor([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)


def augment(
    images: Tensor,
    strength: float,
    generator: torch.Generator,
    parts: frozenset[str] = frozenset(IMAGE_PARTS),
) -> Tensor:
    """Return each image changed at random.

    Parameters
    ----------
    images : Tensor (b, c, h, w)
        In [0, 1]; c is 1 (gray) or 3 (color).
    strength : float
        From 0, which changes nothing but may flip, to 1, with which ``"zoom"`` cuts out 20 to
        100 % of the area of a color image, 40 to 100 % of a gray one (ink is all a gray one has),
        at aspect ratios of 3/4 to 4/3; ``"turn"``, for gray images, rotates by up to 15 degrees
        and shifts by up to a tenth; and for color images ``"flip"`` mirrors every other one,
        ``"jitter"`` changes brightness, contrast, saturation and hue by up to 0.4 (as torchvision
        counts) and ``"gray"`` takes the color from one in five.
    generator : torch.Generator
    parts : frozenset of str, default all
        Which of them to apply.

    Returns
    -------
    Tensor (b, c, h, w)
        In [0, 1]; black where a rotation or shift looks beyond the edge, and the outermost pixels
        darker where a zoom reaches it.

    References
    ----------
    The augmentations of Ye et al., ISIF, CVPR 2019, in their released code, as far as color images
    go.
    """
    is_color = images.shape[1] == 3
    draw = _Draw(len(images), strength, generator)
    images = _move(images, draw, parts, is_color)
    return _recolor(images, draw, parts) if is_color and parts & {"jitter", "gray"} else images


class _Draw:
    """Random numbers, one an image."""

    def __init__(self, n: int, strength: float, generator: torch.Generator):
        self.n = n
        self.strength = strength
        self.generator = generator

    def between(self, low: float, high: float) -> Tensor:
        """Return ``(n,)`` numbers, uniform between the bounds."""
        return low + (high - low) * torch.rand(self.n, generator=self.generator)

    def around(self, center: float, largest: float) -> Tensor:
        """Return ``(n,)`` numbers at most ``largest`` times the strength from ``center``."""
        return center + self.strength * self.between(-largest, largest)


def _move(images: Tensor, draw: _Draw, parts: frozenset[str], is_color: bool) -> Tensor:
    ones = torch.ones(draw.n)
    width, height, angle, x, y = ones, ones, 0 * ones, 0 * ones, 0 * ones
    if "zoom" in parts:
        area = 1 - draw.strength * draw.between(0, 0.8 if is_color else 0.6)
        stretch = torch.exp(draw.around(0, math.log(4 / 3)) / 2)
        width, height = (area.sqrt() * stretch).clamp(max=1), (area.sqrt() / stretch).clamp(max=1)
        x, y = ((1 - side) * draw.between(-1, 1) for side in (width, height))
    if "turn" in parts and not is_color:
        angle = draw.around(0, LARGEST_TURN)
        x, y = (place + 2 * draw.around(0, LARGEST_SHIFT) for place in (x, y))
    if "flip" in parts and is_color:
        width = width * (draw.between(0, 1) < 0.5).float().mul(2).sub(1)
    cos, sin = angle.cos(), angle.sin()
    # Rows of the map from places in the view to places in the image, both in [-1, 1].
    tall, wide = images.shape[2:]
    turned = [width * cos, -height * sin * tall / wide], [width * sin * wide / tall, height * cos]
    rows = [*turned[0], x, *turned[1], y]
    places = F.affine_grid(torch.stack(rows, 1).reshape(-1, 2, 3), images.shape, False)
    return F.grid_sample(images, places, padding_mode="zeros", align_corners=False)


def _recolor(images: Tensor, draw: _Draw, parts: frozenset[str]) -> Tensor:
    colors = torch.eye(3).expand(draw.n, 3, 3)
    if "jitter" in parts:
        brightness, contrast, saturation = (draw.around(1, LARGEST_JITTER) for _ in range(3))
        colors = _saturate(saturation) @ _turn_hue(draw.around(0, LARGEST_HUE))
        colors = brightness[:, None, None] * colors
    if "gray" in parts:
        is_gray = draw.between(0, 1) < GRAY_SHARE * draw.strength
        colors = torch.where(is_gray[:, None, None], LUMA.expand(3, 3), torch.eye(3)) @ colors
    images = torch.einsum("bij,bjhw->bihw", colors, images)
    if "jitter" in parts:
        middle = torch.einsum("i,bihw->b", LUMA, images) / images[0, 0].numel()
        images = torch.lerp(middle[:, None, None, None], images, contrast[:, None, None, None])
    return images.clamp(0, 1)


def _saturate(factor: Tensor) -> Tensor:
    """Return ``(b, 3, 3)`` maps that scale the distance of colors from gray."""
    return torch.lerp(LUMA.expand(3, 3), torch.eye(3), factor[:, None, None])


def _turn_hue(angle: Tensor) -> Tensor:
    """Return ``(b, 3, 3)`` maps that turn colors about the gray axis in YIQ."""
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).reshape(-1, 3, 3)
    return _FROM_YIQ @ turn @ _TO_YIQ
