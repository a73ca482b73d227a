"""No class gets more categories than there is something to divide."""

import numpy as np
import pytest

from dnalib.clustering import NumberEstimate
from dnalib.discovery import FineCategoryDiscovery
from dnalib.discovery.counting import as_asked, count_categories

ALIKE = [f"{'oak ' * 40}{end}" for end in ("cat", "dog", "rose", "tree", "paw", "leash", "bone")]
"""Texts that differ only behind the 16 word pieces that are read of them."""


def test_no_class_gets_more_than_its_distinct_features():
    features, coarse = np.eye(4)[[0, 0, 0, 1, 2, 3, 3]], np.array([0, 0, 0, 1, 1, 1, 1])
    found = count_categories(features, coarse, {0: 3, 1: 3}, rule="communities", seed=0)
    assert found == {0: NumberEstimate(1, 1, 1), 1: NumberEstimate(3, 3, 3)}


@pytest.mark.parametrize("n_fine", ["auto", {"mail": 4}])
def test_texts_that_the_encoder_cannot_tell_apart_are_one_category(make, table, n_fine, tmp_path):
    texts, coarse = [*ALIKE, *table[0]], ["mail"] * len(ALIKE) + table[1]
    model = make(n_fine, max_length=16).fit(texts, coarse)
    categories = model.categories()
    assert (categories["parent"] == "mail").sum() == 1
    assert (categories["size"] > 0).all() and "(empty)" not in set(categories["name"])
    model.save(tmp_path / "model")
    FineCategoryDiscovery.load(tmp_path / "model")


def test_a_model_with_an_empty_category_is_saved(make, table, tmp_path):
    model = make(4).fit(*table)
    del model.stability_[3], model.separation_[3]  # as of a cluster that k-means left empty
    model.save(tmp_path / "model")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    assert loaded.categories()["stability"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize("label", ["tiny", " tiny "])
def test_less_than_was_asked_of_one_class_alone_is_said(make, table, label):
    texts, coarse = [*table[0], "oak", "rose"], [*table[1], "tiny", "tiny"]
    notes = " ".join(make({label: 9}).fit(texts, coarse).notes_)
    assert "9 categories were asked for" in notes and "learned from: 2 it is" in notes
    assert "were asked for" not in " ".join(make({label: 2}).fit(texts, coarse).notes_)


@pytest.mark.parametrize(
    ("n_fine", "expected"),
    [
        ("auto", [False, False]),
        (5, [True, True]),
        (np.int64(6), [False, False]),
        ({"1": 3}, [True, False]),
        ({1.0: 3, " 2": 4}, [True, False]),
    ],
)
def test_what_is_as_asked(n_fine, expected):
    assert list(as_asked(n_fine, {"1": 3, "2": 2}).values()) == expected


@pytest.mark.parametrize("n_fine", [60, {"animal": 40, "plant": 2}])
def test_no_more_categories_are_wanted_than_rows_are_drawn(make, table, n_fine):
    texts = [f"{text} {number}" for number, text in enumerate(table[0])]
    model = make(n_fine, max_rows=20).fit(texts, table[1])
    assert len(model.centers_) <= 20
    assert "categories were asked for but a class never gets more" in " ".join(model.notes_)
