"""A small convolutional network for small images, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dnalib.encoders.store import Batch, VectorStore

SMALLEST = 4
"""Side in pixels at which images are no longer halved."""

Normalization = Callable[[int], nn.Module]
"""Takes a number of channels."""

GROUPS = 8

NORMALIZATIONS: dict[str, Normalization] = {
    "group": lambda channels: nn.GroupNorm(GROUPS, channels),
    "batch": nn.BatchNorm2d,
}

LARGE = 16
"""Side from which the first layer halves as well: most time would go into its full-size output."""


class ConvEncoder(nn.Module):
    """Residual blocks that halve the image down to about 4 x 4, mean over pixels, linear layer.

    Group normalization stands where such networks mostly have batch normalization: it keeps no
    running statistics, so the momentum encoder, which follows weights alone, is whole, and no
    image's feature depends on what else is in its batch.

    Parameters
    ----------
    shape : tuple of int
        Of one image: ``(h, w)`` gray, or ``(h, w, 3)`` in color.
    dim : int, default 128
        Length of a feature.
    width : int, default 32
        Channels of the first layer; each block doubles them, up to four times as many. Twice the
        width costs about four times the time. With "group" a multiple of 8.
    normalization : {"group", "batch"}, default "group"
        Instance discrimination over a memory (`dnalib.losses.IDFDLoss`) wants "batch": with
        "group" all its features came to be one and the same.
    seed : int, default 0
        Seeds the weights.

    Examples
    --------
    >>> encoder = ConvEncoder((8, 8), dim=16)
    >>> encoder(encoder.prepare(np.zeros((3, 8, 8))).batch(torch.arange(3))).shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dim: int = 128,
        width: int = 32,
        *,
        normalization: str = "group",
        seed: int = 0,
    ):
        super().__init__()
        self.shape = shape = tuple(shape)
        if len(shape) not in (2, 3) or min(shape[:2]) < SMALLEST or shape[2:] not in ((), (3,)):
            raise ValueError(
                f"shape is {self.shape}: expected (h, w) of gray or (h, w, 3) of color images, at "
                f"least {SMALLEST} pixels a side"
            )
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"normalization is {normalization!r}: expected one of {', '.join(NORMALIZATIONS)}"
            )
        if normalization == "group" and (width < 1 or width % GROUPS):
            raise ValueError(
                f"width is {width}: expected a multiple of {GROUPS}, the number of groups; or take "
                "normalization='batch'"
            )
        self.dim = dim
        norm = NORMALIZATIONS[normalization]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(*_layers(self.shape, width, norm))
            self.head = nn.Linear(self.layers[-1].channels, dim)
        self.to(memory_format=torch.channels_last)

    def prepare(self, inputs: np.ndarray, progress: bool = True) -> VectorStore:
        """Check images ``(n, h, w)`` or ``(n, h, w, 3)`` and keep them as ``(n, c, h, w)``."""
        inputs = np.array(inputs, dtype=np.float32, order="C")  # a copy: nobody changes it
        if not len(inputs) or inputs.shape[1:] != self.shape:
            raise ValueError(
                f"inputs have the shape {inputs.shape}: expected images (n, "
                f"{', '.join(map(str, self.shape))})"
            )
        bad = ~np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(f"image {row} holds NaN or infinity: remove or mend that image")
        values = torch.from_numpy(inputs.reshape(*inputs.shape[:3], -1)).permute(0, 3, 1, 2)
        return VectorStore(values.contiguous())

    def forward(self, batch: Batch) -> Tensor:
        """Return features ``(b, dim)``, not normalized."""
        values = batch.to(self.head.weight.device).values
        values = self.layers(values.contiguous(memory_format=torch.channels_last))
        return self.head(values.mean(dim=(2, 3)))


class _Block(nn.Module):
    """``relu(norm(conv(relu(norm(conv(x))))) + conv(x))``; the first step halves the sides."""

    def __init__(self, before: int, channels: int, norm: Normalization):
        super().__init__()
        self.channels = channels
        self.shortcut = nn.Conv2d(before, channels, 1, stride=2, bias=False)
        self.body = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(channels),
        )

    def forward(self, values: Tensor) -> Tensor:
        """Map ``(b, before, h, w)`` to ``(b, channels, h / 2, w / 2)``."""
        return (self.body(values) + self.shortcut(values)).relu_()


def _layers(shape: tuple[int, ...], width: int, norm: Normalization) -> list[nn.Module]:
    color_channels = shape[2] if len(shape) == 3 else 1
    side = min(shape[:2])
    stride = 2 if side >= LARGE else 1
    layers: list[nn.Module] = [
        nn.Conv2d(color_channels, width, 3, stride=stride, padding=1, bias=False),
        norm(width),
        nn.ReLU(inplace=True),
    ]
    side, channels = -(-side // stride), width
    while len(layers) < 4 or side > SMALLEST:
        before, channels = channels, min(2 * channels, 4 * width)
        layers.append(_Block(before, channels, norm))
        side = -(-side // 2)
    return layers
