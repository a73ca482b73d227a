"""The grid of novel classes: what is measured is kept, what is kept is not measured again."""

from dataclasses import replace

import numpy as np
import pytest

from dnalib import datasets
from dnalib.benchmark import novel_classes
from dnalib.benchmark.novel_classes import (
    KNOWN,
    RECIPES,
    ROTATIONS,
    STARTS,
    UNTRAINED,
    Recipe,
    begin,
    make_encoder,
    read_results,
    run_novel_classes,
)
from dnalib.encoders import ConvEncoder, VectorEncoder
from dnalib.methods.novel import ABLATION
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


def test_a_grid_keeps_every_row_and_runs_what_is_missing(tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.csv"
    run_novel_classes(IMAGES, 0, path, ("baseline",))
    run_novel_classes(IMAGES, 1, path, ("baseline",))
    run_novel_classes(IMAGES, 0, path, ("+ NCL", "baseline"))
    table = read_results(path)
    assert table[["seed", "method"]].to_numpy().tolist() == [
        *([0, method] for method in (*STARTS, "baseline", "+ NCL")),
        *([1, method] for method in (*STARTS, "baseline")),
    ]
    variants = table[table["method"].isin(ABLATION)]
    assert variants.notna().all(axis=None) and (variants["novel_train"] == 30).all()
    assert table.loc[table["method"] == ROTATIONS, "head_acc"].isna().all()
    assert "images seed 1  baseline" in capsys.readouterr().out
    monkeypatch.setattr(novel_classes, "begin", None)
    run_novel_classes(IMAGES, 0, path, ("+ NCL", "baseline"))


def test_other_settings_are_measured_anew_in_the_same_place(tmp_path):
    path = tmp_path / "results.csv"
    run_novel_classes(TEXTS, 0, path, ("baseline",))
    changed = replace(TEXTS, joint=2)
    assert changed.digest != TEXTS.digest
    run_novel_classes(changed, 0, path, ("baseline",))
    table = read_results(path)
    assert len(table) == 3 and (table["recipe"] == changed.digest).all()


def test_a_digest_of_digits_alone_stays_text(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("dataset,seed,method,recipe\nx,0,baseline,00123456\n")
    assert read_results(path)["recipe"].tolist() == ["00123456"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_valid_settings(name):
    recipe = RECIPES[name]
    is_text = recipe.rotations is None
    assert recipe.config(recipe.joint).view == ("drop" if is_text else "crop")


def test_stored_results_are_of_the_recipes_that_stand_here():
    stored = read_results()
    for name, rows in stored.groupby("dataset"):
        assert set(rows["recipe"]) == {RECIPES[name].digest}


def test_an_encoder_suits_its_data():
    assert make_encoder(IMAGES, IMAGES.load(), 0).shape == (6, 6)
    layers = replace(TEXTS, adapter=False)
    assert make_encoder(layers, layers.load(), 0).max_length == layers.max_length
