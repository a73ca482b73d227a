"""The convolutional encoder keeps the contract of every encoder."""

import numpy as np
import pytest
import torch

from dnalib.datasets import CoarseDataset, Split
from dnalib.encoders import Batch, ConvEncoder, VectorEncoder, encode
from dnalib.methods import run

RNG = np.random.default_rng(0)
SETTINGS = {
    "encoder": "conv", "view": "crop", "batch_size": 16, "learning_rate": 1e-3, "progress": False
}  # fmt: skip


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (32, 32, 3), (4, 7), (105, 90, 3)])
def test_images_of_any_size_become_unit_features(shape):
    encoder = ConvEncoder(list(shape), dim=16, width=8)
    store = encoder.prepare(RNG.random((5, *shape)))
    features = encode(encoder, store)
    assert features.shape == (5, 16) and encoder.dim == 16
    torch.testing.assert_close(features.norm(dim=1), torch.ones(5))
    assert features.std(dim=0).max() > 0


def test_pixels_keep_their_places_and_colors():
    images = RNG.random((3, 5, 6, 3)).astype(np.float32)
    values = ConvEncoder((5, 6, 3)).prepare(images).batch(torch.tensor([2, 0])).values
    assert values.shape == (2, 3, 5, 6)
    np.testing.assert_array_equal(values[0, 1], images[2, :, :, 1])


def test_a_feature_depends_on_its_own_image_alone_in_training_too():
    encoder = ConvEncoder((8, 8)).train()
    images = encoder.prepare(RNG.random((6, 8, 8))).values
    alone = torch.cat([encoder(Batch(image[None])) for image in images])
    torch.testing.assert_close(encoder(Batch(images)), alone)


def test_weights_come_from_the_seed_and_leave_the_global_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (ConvEncoder((8, 8), seed=seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_with_batch_normalization_it_depends_on_the_others_in_training_only():
    encoder = ConvEncoder((8, 8), normalization="batch")
    images = encoder.prepare(RNG.random((6, 8, 8))).values
    for mode, alike in ((True, False), (False, True)):
        encoder.train(mode)
        with torch.no_grad():
            whole, half = encoder(Batch(images)), encoder(Batch(images[:3]))
        assert torch.allclose(whole[:3], half, atol=1e-6) == alike


def test_an_unknown_normalization_is_one_sentence():
    with pytest.raises(ValueError, match="normalization is 'layer': expected one of group, batch"):
        ConvEncoder((8, 8), normalization="layer")


@pytest.mark.parametrize("width", [0, 12])
def test_a_width_that_has_no_groups_is_one_sentence(width):
    with pytest.raises(ValueError, match=f"width is {width}: expected a multiple of 8"):
        ConvEncoder((8, 8), width=width)


def test_weights_are_all_that_a_checkpoint_needs():
    assert not list(ConvEncoder((8, 8)).buffers())


@pytest.mark.parametrize("shape", [(8,), (3, 8), (8, 8, 4)])
def test_bad_shapes_are_one_sentence(shape):
    with pytest.raises(ValueError, match=r"expected \(h, w\) of gray or \(h, w, 3\) of color"):
        ConvEncoder(shape)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.ones((2, 8, 9)), r"shape \(2, 8, 9\): expected images \(n, 8, 8\)"),
        (np.ones((0, 8, 8)), r"shape \(0, 8, 8\): expected images"),
        (np.full((2, 8, 8), np.nan), "image 0 holds NaN"),
    ],
)
def test_bad_images_are_one_sentence(images, sentence):
    with pytest.raises(ValueError, match=sentence):
        ConvEncoder((8, 8)).prepare(images)


@pytest.mark.parametrize("encoder", [ConvEncoder((8, 8)), VectorEncoder(64)])
def test_what_is_prepared_is_a_copy_of_any_array(encoder):
    given = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)
    backwards, kept = encoder.prepare(given[::-1]).values, encoder.prepare(given)
    given[:] = 0
    assert torch.equal(backwards.flip(0), kept.values) and kept.values.any()


def make_bars(n, color):
    """Images of a bar: upright or lying (coarse), on the first or the second half (fine)."""
    fine = np.arange(n) % 4
    images = 0.1 * RNG.random((n, 8, 8))
    for image, f in zip(images, fine, strict=True):
        bar = slice(4 * (f % 2), 4 * (f % 2) + 2)
        if f < 2:
            image[bar] += 0.9
        else:
            image[:, bar] += 0.9
    images = np.stack([images] * 3, -1) if color else images
    split = Split(images.astype(np.float32), fine // 2, fine)
    return CoarseDataset("bars", "image", split, split, ("-", "|"), ("0", "1", "2", "3"), {})


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("method", ["isif", "dna"])
def test_methods_run_on_images_through_the_one_loop(method, color, tmp_path):
    settings = {**SETTINGS, "k": 5}
    data = make_bars(48, color)
    whole = run(data, method, epochs=2, **settings)
    assert isinstance(whole.encoder, ConvEncoder) and whole.config.view_rate == 1
    again = run(data, method, epochs=2, checkpoint_dir=tmp_path, **settings)
    np.testing.assert_array_equal(whole.train_features, again.train_features)
    resumed = run(data, method, epochs=2, checkpoint_dir=tmp_path, **settings)
    np.testing.assert_array_equal(whole.train_features, resumed.train_features)


def test_training_separates_what_labels_do_not():
    coarse = run(make_bars(96, False), "coarse-ce", epochs=6, **SETTINGS)
    assert coarse.history["loss"].iloc[-1] < 0.3 * coarse.history["loss"].iloc[0]
