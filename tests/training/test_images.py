"""The view of images against the same changes made pixel by pixel."""

import colorsys
import itertools
import math

import numpy as np
import pytest
import torch

from dnalib.encoders import Batch, ConvEncoder, VectorEncoder
from dnalib.training import TrainingConfig
from dnalib.training.images import LUMA, _Draw, _move, _recolor, _saturate, _turn_hue, augment
from dnalib.training.views import make_view

PARTS = ("zoom", "turn", "flip", "jitter", "gray")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Chosen(_Draw):
    """Draws that are not random: what comes next is given."""

    def __init__(self, n, values, strength=1.0):
        super().__init__(n, strength, None)
        self.values = iter(values)

    def between(self, low, high):
        return torch.full((self.n,), low + (high - low) * next(self.values))


def gray(*shape):
    return torch.rand(shape, generator=seeded())


def test_strength_0_changes_gray_images_not_at_all():
    images = gray(4, 1, 9, 7)
    torch.testing.assert_close(augment(images, 0.0, seeded()), images)


def test_strength_0_may_only_mirror_color_images():
    images = gray(40, 3, 6, 5)
    changed = augment(images, 0.0, seeded(1))
    kept = [torch.allclose(*pair, atol=1e-5) for pair in zip(changed, images)]
    mirrored = [torch.allclose(*pair, atol=1e-5) for pair in zip(changed, images.flip(3))]
    assert all(a or b for a, b in zip(kept, mirrored))
    assert 8 <= sum(mirrored) <= 32


def test_zoom_cuts_out_a_box_and_enlarges_it():
    # A linear image stays linear under bilinear sampling, so that every value is known.
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    image = (columns + 100 * rows)[None, None]
    # area 1 - 0.75 * 0.6 = 0.55, no stretch, box at the right and upper edge
    changed = _move(image, Chosen(1, [0.75, 0.5, 1.0, 0.0]), frozenset({"zoom"}), False)
    side = math.sqrt(1 - 0.75 * 0.6)
    places = (np.arange(16) + 0.5) * side - 0.5
    inner = slice(1, -1)  # at the edge half a pixel lies outside
    expected = (places + 16 * (1 - side))[None, :] + 100 * places[:, None]
    np.testing.assert_allclose(changed[0, 0][inner, inner], expected[inner, inner], rtol=1e-4)


def test_a_zoomed_box_never_leaves_the_image():
    changed = augment(torch.ones(500, 1, 12, 12), 1.0, seeded(), frozenset({"zoom"}))
    # Half a pixel at the edge may be mixed with the dark outside; whole ones are not.
    assert (changed[:, :, 1:-1, 1:-1] > 0.999).all()


def test_a_turn_by_a_quarter_is_that_of_torch(monkeypatch):
    monkeypatch.setattr("dnalib.training.images.LARGEST_TURN", math.pi / 2)
    image = gray(1, 1, 8, 8)
    changed = _move(image, Chosen(1, [1.0, 0.5, 0.5]), frozenset({"turn"}), False)
    torch.testing.assert_close(changed, torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(16, 16), (16, 32), (32, 16)])
def test_a_turn_shears_no_image_whatever_its_shape(shape):
    down = torch.arange(float(shape[0]))[:, None].expand(shape)
    turned = _move(down[None, None], Chosen(1, [1.0, 0.5, 0.5]), frozenset({"turn"}), False)[0, 0]
    middle = turned[shape[0] // 2 - 3 : shape[0] // 2 + 3, shape[1] // 2 - 3 : shape[1] // 2 + 3]
    angle = math.radians(15)
    across = torch.full((6, 5), math.sin(angle))
    torch.testing.assert_close(middle.diff(dim=1), across, atol=1e-4, rtol=0)
    along = torch.full((5, 6), math.cos(angle))
    torch.testing.assert_close(middle.diff(dim=0), along, atol=1e-4, rtol=0)


def test_a_shift_leaves_the_dark_outside_behind():
    image = gray(1, 1, 10, 10)
    changed = _move(image, Chosen(1, [0.5, 1.0, 0.5]), frozenset({"turn"}), False)
    torch.testing.assert_close(changed[..., :-1], image[..., 1:], atol=1e-5, rtol=0)
    assert (changed[..., -1].abs() < 1e-5).all()


def test_colors_change_as_naive_loops_say():
    images = 0.3 + 0.4 * gray(1, 3, 4, 5)
    draws = [0.6, 0.2, 0.9]  # brightness, contrast, saturation; hue stays
    changed = _recolor(images, Chosen(1, [*draws, 0.5], 0.5), frozenset({"jitter"}))[0]
    brightness, contrast, saturation = (1 + 0.5 * 0.4 * (2 * draw - 1) for draw in draws)
    luma = (0.299, 0.587, 0.114)
    pixels = {}
    for y, x in itertools.product(range(4), range(5)):
        color = images[0, :, y, x].tolist()
        level = sum(w * c for w, c in zip(luma, color))
        pixels[y, x] = [brightness * (level + saturation * (c - level)) for c in color]
    middle = np.mean([sum(w * c for w, c in zip(luma, color)) for color in pixels.values()])
    for (y, x), color in pixels.items():
        expected = [middle + contrast * (c - middle) for c in color]
        np.testing.assert_allclose(changed[:, y, x], np.clip(expected, 0, 1), atol=1e-4)


def test_hue_turns_as_far_as_it_says_and_brightness_stays():
    red, gray_color = torch.tensor([0.6, 0.4, 0.4]), torch.tensor([0.5, 0.5, 0.5])
    turn = _turn_hue(torch.tensor([2 * math.pi / 3]))[0]
    hue = colorsys.rgb_to_hsv(*(turn @ red).tolist())[0]
    # The colors of YIQ do not lie quite evenly on the circle of HSV.
    assert min(abs(hue - 1 / 3), abs(hue - 2 / 3)) < 0.05
    assert (LUMA @ turn @ red).item() == pytest.approx((LUMA @ red).item(), abs=1e-5)
    torch.testing.assert_close(turn @ turn @ turn @ red, red, atol=1e-5, rtol=0)
    torch.testing.assert_close(turn @ gray_color, gray_color, atol=2e-3, rtol=0)


def test_full_saturation_is_the_same_and_none_is_gray():
    kept, faded = _saturate(torch.tensor([1.0, 0.0]))
    color = torch.tensor([0.2, 0.5, 0.9])
    torch.testing.assert_close(kept @ color, color)
    torch.testing.assert_close(faded @ color, (LUMA @ color).expand(3))


def test_one_color_image_in_five_becomes_gray():
    changed = augment(gray(2000, 3, 4, 4), 1.0, seeded(3), frozenset({"gray"}))
    is_gray = (changed - changed.mean(1, keepdim=True)).abs().amax((1, 2, 3)) < 1e-5
    assert is_gray.float().mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("channels", [1, 3])
def test_values_stay_in_range_and_come_from_the_generator(channels):
    images = gray(30, channels, 8, 8)
    changed = augment(images, 1.0, seeded(1))
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    assert torch.equal(changed, augment(images, 1.0, seeded(1)))
    assert not torch.equal(changed, augment(images, 1.0, seeded(2)))


@pytest.mark.parametrize(("channels", "parts"), [(1, "zoom turn"), (3, "zoom flip jitter gray")])
def test_each_part_changes_something_and_none_changes_nothing(channels, parts):
    images = gray(20, channels, 8, 8)
    for part in PARTS:
        changed = augment(images, 1.0, seeded(), frozenset({part}))
        assert torch.allclose(changed, images, atol=1e-5) == (part not in parts.split())


def test_the_view_leaves_out_what_its_name_says():
    encoder = ConvEncoder((8, 8, 3))
    store = encoder.prepare(np.random.default_rng(0).random((6, 8, 8, 3)))
    indices = torch.tensor([4, 1, 0])
    seen = make_view("crop-zoom-flip", 0.7, encoder)(store, indices, seeded()).values
    expected = augment(store.values[indices], 0.7, seeded(), frozenset({"turn", "jitter", "gray"}))
    assert torch.equal(seen, expected)


def test_the_view_needs_images():
    encoder = VectorEncoder(64)
    store = encoder.prepare(np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match=r"'crop' needs images but .* \(2, 64\): .*'conv'"):
        make_view("crop", 1.0, encoder)(store, torch.arange(2), seeded())


def test_strength_is_1_and_the_share_of_tokens_0_15_unless_given():
    assert TrainingConfig(view="crop-gray").view_rate == 1
    assert TrainingConfig().view_rate == TrainingConfig(view="replace").view_rate == 0.15
    assert TrainingConfig(view="crop", view_rate=0.5).view_rate == 0.5


@pytest.mark.parametrize("view", ["crops", "crop-hue", "drop-zoom", "zoom"])
def test_unknown_views_are_one_sentence(view):
    with pytest.raises(ValueError, match=f"view is '{view}': expected one of drop, replace, crop"):
        TrainingConfig(view=view)


def test_pixels_may_be_dropped_too():
    encoder = ConvEncoder((8, 8))
    store = encoder.prepare(np.ones((50, 8, 8)))
    batch = make_view("drop", 0.2, encoder)(store, torch.arange(50), seeded())
    assert isinstance(batch, Batch)
    assert (batch.values == 0).float().mean() == pytest.approx(0.2, abs=0.02)
