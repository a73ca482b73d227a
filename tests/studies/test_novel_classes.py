"""The grid of novel classes: what is measured is kept, what is kept is not measured again."""

from dataclasses import replace

import numpy as np
import pytest

from dnalib import datasets
from dnalib.encoders import ConvEncoder, VectorEncoder
from dnalib.studies import novel_classes
from dnalib.studies.novel_classes import (
    KNOWN,
    RECIPES,
    STARTS,
    STUDY,
    UNTRAINED,
    Recipe,
    begin,
    make_encoder,
)
from tests.helpers import make_texts
from tests.methods.test_novel import make_dataset

IMAGES = Recipe("images", 1e-2, rotations=1, known=1, joint=2, view_rate=0.2, width=8)
TEXTS = Recipe("texts", 1e-3, None, known=1, joint=1, view_rate=0.1, adapter=True)


@pytest.fixture(autouse=True)
def small_sets(monkeypatch):
    sets = {"images": make_dataset(n=60, shape=(6, 6)), "texts": make_texts(24)}
    monkeypatch.setattr(datasets, "load", sets.__getitem__)
    monkeypatch.setattr(novel_classes, "embed", fake_embed)


def fake_embed(texts, max_length, progress):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(texts), 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_images_go_through_three_stages_and_texts_through_two():
    discovery, starts = begin(IMAGES, 0)
    assert tuple(starts) == STARTS and isinstance(discovery.encoder, ConvEncoder)
    discovery, starts = begin(TEXTS, 0)
    assert tuple(starts) == (UNTRAINED, KNOWN) and isinstance(discovery.encoder, VectorEncoder)
    lengths = np.linalg.norm(discovery.dataset.train.inputs, axis=1)
    np.testing.assert_allclose(lengths, 4, rtol=1e-6)


def test_images_as_they_come_are_their_pixels():
    data = IMAGES.load()
    _, starts = begin(IMAGES, 0)
    untrained = novel_classes.NovelClassDiscovery(
        data, IMAGES.split(data, 0), VectorEncoder(36), progress=False
    ).score_features()
    assert {k: starts[UNTRAINED][k] for k in untrained} == untrained


def test_the_first_stage_can_be_left_out_of_images_too():
    _, starts = begin(replace(IMAGES, rotations=0), 0)
    assert tuple(starts) == (UNTRAINED, KNOWN)
    assert replace(IMAGES, rotations=0).config(1).view == "crop"


def test_known_classes_are_the_first_of_images_and_drawn_of_texts():
    images, texts = IMAGES.load(), TEXTS.load()
    assert IMAGES.split(images, 0) == IMAGES.split(images, 1)
    assert IMAGES.split(images, 0).known == (0, 1, 2)
    assert len({TEXTS.split(texts, seed) for seed in range(6)}) > 1


def test_the_study_measures_starts_and_variants(monkeypatch):
    monkeypatch.setitem(RECIPES, "images", IMAGES)
    rows = list(STUDY.measure("images", 0, ("baseline", "+ NCL")))
    assert [row["method"] for row in rows] == [*STARTS, "baseline", "+ NCL"]
    assert all(row["novel_train"] == 30 for row in rows)
    assert "head_acc" in rows[-1] and "head_acc" not in rows[1]


def test_other_settings_have_another_stamp(monkeypatch):
    monkeypatch.setitem(RECIPES, "texts", TEXTS)
    stamp = STUDY.stamp("texts")
    monkeypatch.setitem(RECIPES, "texts", replace(TEXTS, joint=2))
    assert stamp != STUDY.stamp("texts")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_valid_settings(name):
    recipe = RECIPES[name]
    is_text = recipe.rotations is None
    assert recipe.config(recipe.joint).view == ("drop" if is_text else "crop")


def test_stored_results_are_of_the_recipes_that_stand_here():
    stored = STUDY.read()
    for name, rows in stored.groupby("dataset"):
        assert set(rows["recipe"]) == {RECIPES[name].digest}


def test_an_encoder_suits_its_data():
    assert make_encoder(IMAGES, IMAGES.load(), 0).shape == (6, 6)
    layers = replace(TEXTS, adapter=False)
    assert make_encoder(layers, layers.load(), 0).max_length == layers.max_length
