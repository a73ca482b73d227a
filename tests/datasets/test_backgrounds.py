"""Objects on backgrounds: what is painted where, and that labels say what was painted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnalib.clustering import accuracy, kmeans
from dnalib.datasets import CoarseDataset, Split, load
from dnalib.datasets.backgrounds import (
    PATTERNS,
    on_backgrounds,
    paint_stripes,
    paint_textures,
    paint_tints,
)


def make_images(n=12, side=8, color=False, value=0.0):
    shape = (n, side, side, 3) if color else (n, side, side)
    labels = np.arange(n) % 3
    split = Split(np.full(shape, value, dtype=np.float32), np.zeros(n, dtype=np.int64), labels)
    return CoarseDataset("plain", "image", split, split, ("all",), ("a", "b", "c"), {})


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(PATTERNS)), st.integers(2, 5), st.floats(0, 1), st.integers(0, 99),
    st.floats(0, 1),
)  # fmt: skip
def test_everything_has_the_shape_range_and_type_promised(pattern, n_kinds, strength, seed, value):
    images = make_images(color=PATTERNS[pattern].color, value=value)
    data = on_backgrounds(
        images, pattern, n_kinds=n_kinds, n_reference=7, strength=strength, seed=seed
    )
    assert data.images.shape == images.train.inputs.shape
    assert data.reference.shape == (7, *images.train.inputs.shape[1:])
    for array in (data.images, data.reference):
        assert array.dtype == np.float32 and 0 <= array.min() and array.max() <= 1 + 1e-6
    for kinds, n in ((data.backgrounds, 12), (data.reference_backgrounds, 7)):
        assert kinds.shape == (n,) and 0 <= kinds.min() and kinds.max() < n_kinds
    assert len(set(data.background_names)) == n_kinds
    assert data.objects.tolist() == images.train.fine.tolist()


def test_ink_hides_the_background_and_paper_shows_it():
    white = on_backgrounds(make_images(value=1.0), "stripes", strength=0.6)
    np.testing.assert_allclose(white.images, 1)
    blank = on_backgrounds(make_images(value=0.0), "stripes", strength=0.6)
    assert 0.5 < blank.images.max() <= 0.6 and blank.images.std() > 0.1
    half = on_backgrounds(make_images(value=0.5), "stripes", strength=0.6)
    np.testing.assert_allclose(half.images, 0.5 + 0.5 * blank.images, atol=1e-6)


def test_photographs_keep_their_share_under_a_tint():
    dark, light = (
        on_backgrounds(make_images(color=True, value=value), "tints", strength=0.3)
        for value in (0.0, 1.0)
    )
    np.testing.assert_allclose(light.images - dark.images, 0.7, atol=1e-6)
    assert dark.images.max() <= 0.3


def test_the_reference_looks_like_targets_without_objects():
    data = on_backgrounds(make_images(600), "stripes", n_reference=600, strength=0.7)
    assert data.reference.mean() == pytest.approx(data.images.mean(), abs=0.01)
    assert data.reference.std() == pytest.approx(data.images.std(), abs=0.01)
    assert not any((data.reference == image).all(axis=(1, 2)).any() for image in data.images[:5])


def test_the_seed_decides_everything_and_objects_say_nothing_of_backgrounds():
    digits = load("digits")
    first, again, other = (on_backgrounds(digits, "stripes", seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.reference, again.reference)
    assert not np.array_equal(first.backgrounds, other.backgrounds)
    counts = np.zeros((10, 4))
    np.add.at(counts, (first.objects, first.backgrounds), 1)
    assert np.abs(counts / counts.sum(axis=1, keepdims=True) - 0.25).max() < 0.15


def test_size_changes_how_many_pixels_there_are_and_little_else():
    digits = load("digits")
    data = on_backgrounds(digits, "textures", size=16, strength=0)
    assert data.images.shape == (1438, 16, 16)
    halved = data.images.reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4))
    assert np.corrcoef(halved.ravel(), digits.train.inputs.ravel())[0, 1] > 0.95


# --- patterns ---


def test_stripes_run_in_the_direction_of_their_kind():
    kinds = np.repeat(np.arange(4), 20)
    spectrum = np.abs(np.fft.fft2(paint_stripes(kinds, 4, 32, np.random.default_rng(0)) - 0.5))
    down, right = np.meshgrid(*[np.fft.fftfreq(32, 1 / 32)] * 2, indexing="ij")
    peak = spectrum.reshape(80, -1).argmax(axis=1)
    angle = np.rad2deg(np.arctan2(down.ravel()[peak], right.ravel()[peak])) % 180
    off = (angle - 45 * kinds + 90) % 180 - 90
    assert np.abs(off).max() < 20


def test_textures_have_the_grain_of_their_kind():
    kinds = np.repeat(np.arange(4), 10)
    images = paint_textures(kinds, 4, 32, np.random.default_rng(0))
    power = np.abs(np.fft.fft2(images - images.mean(axis=(1, 2), keepdims=True))) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(32, 1 / 32)] * 2))
    mean = (power * frequency).sum(axis=(1, 2)) / power.sum(axis=(1, 2))
    assert accuracy(kinds, kmeans(np.log(mean)[:, None], 4).labels) == 1
    assert (np.diff(mean.reshape(4, 10).mean(axis=1)) > 0).all()


def test_tints_are_told_apart_by_their_mean_color():
    kinds = np.repeat(np.arange(4), 25)
    colors = paint_tints(kinds, 4, 8, np.random.default_rng(0)).mean(axis=(1, 2))
    colors /= np.linalg.norm(colors, axis=1, keepdims=True)
    assert accuracy(kinds, kmeans(colors, 4).labels) > 0.95


# --- refusals ---


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"pattern": "spots"}, "pattern 'spots' is unknown: expected one of stripes, textures"),
        ({"pattern": "tints"}, "does not fit gray images: take stripes or textures"),
        ({"n_kinds": 1}, "n_kinds is 1 and n_reference 1000: expected at least 2 kinds"),
        ({"n_reference": 0}, "n_reference 0"),
        ({"size": 1}, "size is 1: expected a whole number, 2 or more"),
        ({"strength": 1.5}, r"strength is 1.5: expected a number in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_named(keywords, message):
    with pytest.raises(ValueError, match=message):
        on_backgrounds(make_images(), **{"pattern": "stripes", **keywords})


def test_objects_need_names():
    data = make_images()
    unlabeled = replace(data, train=replace(data.train, fine=None), fine_names=None)
    with pytest.raises(ValueError, match="expected images with fine categories"):
        on_backgrounds(unlabeled, "stripes")
