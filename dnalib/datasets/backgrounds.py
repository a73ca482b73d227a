"""Images on characteristic backgrounds, and such backgrounds alone as a reference set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.random import Generator
from scipy.ndimage import zoom

from dnalib.datasets.core import CoarseDataset
from dnalib.whole import require_whole


@dataclass(frozen=True)
class BackgroundDataset:
    """Targets, each an object on a background, and a reference set of backgrounds alone.

    Attributes
    ----------
    name : str
        Of the images and of the pattern, such as ``"digits over stripes"``.
    images : ndarray (n, h, w) or (n, h, w, 3) float32 in [0, 1]
        The targets.
    objects, backgrounds : ndarray (n,) int64
        What lies in front and what behind, for scoring only; drawn independently.
    reference : ndarray (r, h, w) or (r, h, w, 3) float32 in [0, 1]
        Other backgrounds of the same kinds, at the same strength, without objects.
    reference_backgrounds : ndarray (r,) int64
        Their kinds, for scoring only.
    object_names, background_names : tuple of str
        The name of each object and of each kind of background.
    """

    name: str
    images: np.ndarray
    objects: np.ndarray
    backgrounds: np.ndarray
    reference: np.ndarray
    reference_backgrounds: np.ndarray
    object_names: tuple[str, ...]
    background_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def on_backgrounds(
    dataset: CoarseDataset,
    pattern: str,
    *,
    n_kinds: int = 4,
    n_reference: int = 1000,
    strength: float = 0.7,
    size: int | None = None,
    seed: int = 0,
) -> BackgroundDataset:
    """Put the training images of a dataset on backgrounds of a few kinds, drawn at random.

    Gray images are taken for ink, bright where there is some, and painted over the background;
    color images, which fill their frame, are mixed with it.

    Parameters
    ----------
    dataset : CoarseDataset
        Of images. Its fine categories are the objects.
    pattern : str
        A name in `PATTERNS`: ``"stripes"`` or ``"textures"`` for ink, ``"tints"`` for photographs.
    n_kinds : int, default 4
        Kinds of background.
    n_reference : int, default 1000
        Images of the reference set.
    strength : float, default 0.7
        Brightest possible background, where ink has 1; of a mixture, the share of the background.
    size : int, optional
        Height and width that images are brought to first; by default their own.
    seed : int, default 0
        Of all backgrounds.

    Returns
    -------
    BackgroundDataset

    Raises
    ------
    ValueError
        If the dataset has no images or no fine categories, the pattern is unknown or is not one
        for these images, or a number is out of its range.

    Examples
    --------
    >>> from dnalib.datasets import load
    >>> data = on_backgrounds(load("digits"), "stripes", size=16)
    >>> data.images.shape, data.reference.shape, data.background_names[0]
    ((1438, 16, 16), (1000, 16, 16), 'stripes at 0°')
    """
    _check(dataset, pattern, n_kinds, n_reference, strength, size)
    rng = np.random.default_rng(seed)
    images = _resized(dataset.train.inputs, size)
    chosen = PATTERNS[pattern]
    kinds = rng.integers(n_kinds, size=len(images))
    reference_kinds = rng.integers(n_kinds, size=n_reference)
    side = images.shape[1]
    behind = strength * chosen.paint(kinds, n_kinds, side, rng)
    alone = strength * chosen.paint(reference_kinds, n_kinds, side, rng)
    # Ink hides what is under it; a photograph keeps its share everywhere, and of a reference
    # there is only gray in its place.
    if chosen.color:
        images, reference = behind + (1 - strength) * images, alone + (1 - strength) * 0.5
    else:
        images, reference = images + (1 - images) * behind, alone
    return BackgroundDataset(
        name=f"{dataset.name} over {pattern}",
        images=images.astype(np.float32),
        objects=dataset.train.fine,
        backgrounds=kinds,
        reference=reference.astype(np.float32),
        reference_backgrounds=reference_kinds,
        object_names=dataset.fine_names,
        background_names=tuple(chosen.name(kind, n_kinds) for kind in range(n_kinds)),
    )


# --- patterns ---


@dataclass(frozen=True)
class Pattern:
    """How the backgrounds of a family are painted.

    Attributes
    ----------
    paint : callable
        ``(kinds (n,), n_kinds, size, rng) -> (n, size, size)`` in [0, 1], with a last axis of 3
        if in color.
    name : callable
        ``(kind, n_kinds) -> str``.
    color : bool
    """

    paint: Callable[[np.ndarray, int, int, Generator], np.ndarray]
    name: Callable[[int, int], str]
    color: bool = False


def paint_stripes(kinds: np.ndarray, n_kinds: int, size: int, rng: Generator) -> np.ndarray:
    """Return waves ``(n, size, size)``: the kind is their direction; period and phase vary."""
    angle = np.pi * kinds / n_kinds
    cycles = rng.uniform(2, 3, len(kinds))
    phase = rng.uniform(0, 2 * np.pi, len(kinds))
    down, right = np.mgrid[:size, :size] / size
    along = np.multiply.outer(np.cos(angle), right) + np.multiply.outer(np.sin(angle), down)
    wave = np.cos(2 * np.pi * cycles[:, None, None] * along + phase[:, None, None])
    return 0.5 + 0.5 * wave


def paint_textures(kinds: np.ndarray, n_kinds: int, size: int, rng: Generator) -> np.ndarray:
    """Return noise ``(n, size, size)`` of one grain each: the kind is the size of the grain.

    White noise is filtered to a ring of frequencies; the rings of the kinds are an equal factor
    apart, from one grain in an image to grains of two pixels.
    """
    noise = np.fft.fft2(rng.normal(size=(len(kinds), size, size)))
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2))
    centers = np.geomspace(1, size / 2, n_kinds)
    # The logarithm makes rings equally wide in octaves.
    octaves = np.log2(np.maximum(frequency, 0.5)) - np.log2(centers)[:, None, None]
    rings = np.exp(-0.5 * (octaves / 0.3) ** 2)
    rings[:, 0, 0] = 0
    texture = np.fft.ifft2(noise * rings[kinds]).real
    deviation = texture.std(axis=(1, 2), keepdims=True)
    return np.clip(0.5 + 0.25 * texture / deviation, 0, 1)


def paint_tints(kinds: np.ndarray, n_kinds: int, size: int, rng: Generator) -> np.ndarray:
    """Return colored light ``(n, size, size, 3)``: the kind is the hue; shade and slope vary."""
    n = len(kinds)
    hue = (kinds + rng.uniform(-0.15, 0.15, n)) / n_kinds % 1
    saturation = rng.uniform(0.6, 1.0, n)
    slope = rng.uniform(-0.3, 0.3, (2, n, 1, 1))
    down, right = np.mgrid[:size, :size] / size - 0.5
    value = np.clip(rng.uniform(0.6, 0.9, (n, 1, 1)) + slope[0] * down + slope[1] * right, 0, 1)
    flat = np.ones((1, size, size))
    return hsv_to_rgb(
        np.stack([hue[:, None, None] * flat, saturation[:, None, None] * flat, value], axis=-1)
    )


PATTERNS: dict[str, Pattern] = {
    "stripes": Pattern(paint_stripes, lambda kind, n: f"stripes at {round(180 * kind / n)}°"),
    "textures": Pattern(paint_textures, lambda kind, n: f"grain {kind + 1} of {n}"),
    "tints": Pattern(paint_tints, lambda kind, n: f"hue {round(360 * kind / n)}°", color=True),
}
"""All families of backgrounds by name."""


# --- pieces of `on_backgrounds` ---


def _check(
    dataset: CoarseDataset,
    pattern: str,
    n_kinds: int,
    n_reference: int,
    strength: float,
    size: int | None,
) -> None:
    if dataset.kind != "image" or dataset.train.fine is None:
        raise ValueError(
            f"dataset {dataset.name!r} holds {dataset.kind}s, fine categories: "
            f"{dataset.fine_names is not None}; expected images with fine categories"
        )
    if pattern not in PATTERNS:
        raise ValueError(f"pattern {pattern!r} is unknown: expected one of {', '.join(PATTERNS)}")
    color = dataset.train.inputs.ndim == 4
    if PATTERNS[pattern].color != color:
        fitting = [name for name, family in PATTERNS.items() if family.color == color]
        raise ValueError(
            f"pattern {pattern!r} does not fit {'color' if color else 'gray'} images: take "
            f"{' or '.join(fitting)}"
        )
    if n_kinds < 2 or n_reference < 1:
        raise ValueError(
            f"n_kinds is {n_kinds} and n_reference {n_reference}: expected at least 2 kinds and "
            "one reference image"
        )
    if size is not None:
        require_whole("size", size, 2)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}: expected a number in [0, 1]")


def _resized(images: np.ndarray, size: int | None) -> np.ndarray:
    """Return float64 images of ``size`` by ``size``, linearly interpolated."""
    images = images.astype(np.float64)
    if size is None or size == images.shape[1]:
        return images
    factors = (1, size / images.shape[1], size / images.shape[2], 1)[: images.ndim]
    return np.clip(zoom(images, factors, order=1, grid_mode=True, mode="nearest"), 0, 1)
