"""The comparison on backgrounds: what is found, what is scored, what the command keeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dnalib.clustering import cluster_and_score
from dnalib.datasets import CoarseDataset, Split
from dnalib.datasets.backgrounds import on_backgrounds
from dnalib.encoders import encode
from dnalib.methods.idfd import IDFDObjective
from dnalib.studies import salient

SMALL = {"epochs": 1, "batch_size": 16}


def make_data(n=48, side=8):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    images = np.zeros((n, side, side), dtype=np.float32)
    for row, label in enumerate(labels):
        images[row, 2 * label + 1, 1:-1] = 0.8 + 0.2 * rng.random()
    split = Split(images, np.zeros(n, dtype=np.int64), labels)
    bars = CoarseDataset("bars", "image", split, split, ("all",), ("a", "b", "c"), {})
    return on_backgrounds(bars, "stripes", n_kinds=2, n_reference=20, strength=0.5)


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv("DNALIB_HEADLESS", "1")


@pytest.fixture
def on_bars(monkeypatch):
    """One small set of images in the place of all others."""
    data = make_data()
    setting = salient.Setting({"pattern": "stripes"}, "crop-turn", epochs=1)
    monkeypatch.setattr(salient, "SETTINGS", {"bars": setting})
    monkeypatch.setattr(salient, "load", lambda name, seed: replace(data, name="bars over stripes"))
    return data


@pytest.mark.parametrize("method", salient.METHODS)
def test_every_method_finds_features_of_every_target(method):
    data = make_data()
    found = salient.find(data, method, replace(salient.CONFIG, **SMALL))
    for rows in (found.salient, found.background):
        assert len(rows) == len(data) and np.isfinite(rows).all()
    assert len(found.history) == (0 if method in ("pixels", "cpca") else 1)
    assert found.cpu_seconds > 0
    assert np.array_equal(found.salient, found.background) == (
        method in ("pixels", "ntxent", "idfd")
    )


@pytest.mark.parametrize("method", ["cpca", "idfd", "cidfd", "cidfd-frozen"])
def test_labels_are_not_looked_at_and_the_seed_decides(method):
    data, config = make_data(), replace(salient.CONFIG, **SMALL)
    shuffled = replace(data, objects=data.objects[::-1], backgrounds=data.backgrounds[::-1])
    one, same = (salient.find(d, method, config).salient for d in (data, shuffled))
    np.testing.assert_array_equal(one, same)
    if method != "cpca":
        other = salient.find(data, method, config, seed=1).salient
        assert not np.allclose(one, other)


def test_without_a_reference_nothing_of_it_is_used_and_with_one_it_is():
    data, config = make_data(), replace(salient.CONFIG, **SMALL)
    other = replace(data, reference=data.reference[::-1] ** 2)
    changed = {
        method: not np.array_equal(
            salient.find(data, method, config).salient,
            salient.find(other, method, config).salient,
        )
        for method in ("pixels", "idfd", "ntxent", "cidfd-targets", "cpca", "cidfd", "cidfd-frozen")
    }
    assert changed == {
        "pixels": False, "idfd": False, "ntxent": False, "cidfd-targets": False,
        "cpca": True, "cidfd": True, "cidfd-frozen": True,
    }  # fmt: skip


def test_a_frozen_background_encoder_has_the_weights_that_the_reference_gave(monkeypatch):
    data, config = make_data(), replace(salient.CONFIG, **SMALL)
    trained = {}
    train = salient.train

    def look(encoder, images, objective, *rest):
        history = train(encoder, images, objective, *rest)
        trained[id(encoder)] = trained.get(id(encoder), 0) + 1
        if objective is IDFDObjective:
            look.behind = [p.detach().clone() for p in encoder.parameters()]
        else:
            look.kept = [p.detach() for p in objective.keywords["background"].parameters()]
        return history

    monkeypatch.setattr(salient, "train", look)
    salient.find(data, "cidfd-frozen", config)
    assert len(trained) == 2
    assert all(torch.equal(*pair) for pair in zip(look.behind, look.kept, strict=True))


def test_background_features_rest_on_the_statistics_of_the_targets():
    data = make_data()
    encoder = salient.make_encoder(data, seed=0)
    salient.follow(encoder, data.images)
    store = encoder.prepare(data.images)
    encoder.train()
    with torch.no_grad():
        whole = torch.nn.functional.normalize(encoder(store.batch(torch.arange(len(data)))))
    torch.testing.assert_close(encode(encoder, store), whole, atol=0.05, rtol=0)


def test_scores_say_of_which_features_and_which_labels():
    data = make_data()
    rng = np.random.default_rng(1)
    found = salient.Features(
        np.eye(3)[data.objects] + 0.01 * rng.normal(size=(48, 3)), np.eye(2)[data.backgrounds]
    )
    scores = salient.scores_of(data, found)
    assert scores["object_acc"] == scores["background_acc"] == 100
    leak = cluster_and_score(found.salient, data.backgrounds)
    assert {name: scores[f"leak_{name}"] for name in leak} == leak and leak["acc"] < 80


def test_settings_name_what_exists():
    assert set(salient.TITLES) == set(salient.METHODS)
    data = salient.load("digits", seed=1)
    assert data.images.shape[1:] == (12, 12) and data.name == "digits over stripes"
    assert salient.config_of("digits", epochs=3).epochs == 3
    assert salient.config_of("digits").view == salient.SETTINGS["digits"].view
    with pytest.raises(ValueError, match="no dataset 'pydocs': expected one of digits, mnist"):
        salient.load("pydocs")
    with pytest.raises(ValueError, match="method 'dna' is unknown: expected one of pixels, cpca"):
        salient.find(data, "dna")


def test_all_reconstructions_are_called_so():
    for method, title in salient.TITLES.items():
        assert ("rec" in title) == method.startswith("cidfd")


def test_the_study_measures_every_method_asked_for(on_bars):
    rows = list(salient.STUDY.measure("bars", 1, ["pixels", "cpca"]))
    assert [(row["dataset"], row["method"], row["seed"]) for row in rows] == [
        ("bars", "pixels", 1), ("bars", "cpca", 1),
    ]  # fmt: skip
    assert all(0 <= row["object_acc"] <= 100 for row in rows)


def test_a_summary_has_mean_and_spread_of_the_seeds():
    rows = [
        {"dataset": "x", "method": "cpca", "seed": s, "object_acc": v, "leak_nmi": 1.0}
        for s, v in enumerate((1.0, 2.0, 3.0))
    ]
    summary = salient.summarize(pd.DataFrame(rows))
    assert summary.loc[("x", "cpca"), ("object_acc", "mean")] == 2
    assert summary.loc[("x", "cpca"), ("object_acc", "std")] == 1
