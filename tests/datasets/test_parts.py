"""Parts of a dataset keep rows and labels together."""

from dataclasses import replace

import numpy as np
import pytest

from dnalib.datasets import CoarseDataset, Split, hold_out, load, only, pooled, thin


def make_dataset(images=True):
    """Each input tells its own labels: coarse 0 has fine 0 and 2, coarse 1 fine 1, 2 fine 3."""
    parents = np.array([0, 1, 0, 2])

    def split(n):
        fine = np.arange(n) % 4
        inputs = fine[:, None, None] * np.ones((n, 2, 2)) if images else [f"t{f}" for f in fine]
        return Split(inputs, parents[fine], fine, [f"title {f}" for f in fine])

    names = ("a", "b", "c"), ("p", "q", "r", "s")
    return CoarseDataset("toy", "image" if images else "text", split(20), split(8), *names, {})


@pytest.mark.parametrize("images", [True, False])
def test_only_some_categories_are_numbered_anew(images):
    dataset = make_dataset(images)
    part = only(dataset, [3, 2])
    assert part.fine_names == ("r", "s") and part.coarse_names == ("a", "c")
    assert part.parents.tolist() == [0, 1]
    assert (len(part.train), len(part.test)) == (10, 4)
    for split in (part.train, part.test):
        told = split.inputs[:, 0, 0] if images else [int(text[1]) for text in split.inputs]
        np.testing.assert_array_equal(split.fine + 2, told)
        np.testing.assert_array_equal(split.coarse, split.fine)
        assert split.titles == [f"title {f + 2}" for f in split.fine]


def test_categories_divide_the_rows():
    digits = load("digits")
    parts = [only(digits, ids) for ids in (range(6), range(6, 10))]
    assert sum(len(pooled(part)) for part in parts) == 1797


@pytest.mark.parametrize("fine", [[], [4], [-1, 0]])
def test_unknown_categories_are_one_sentence(fine):
    with pytest.raises(ValueError, match="expected some of 0 to 3, the fine categories of 'toy'"):
        only(make_dataset(), fine)


@pytest.mark.parametrize(
    ("names", "held"), [(["q"], "q"), (["a"], "pr"), (["c", "p", "s"], "ps"), (["a", "r"], "pr")]
)
def test_categories_are_held_out_by_their_own_name_or_their_parent(names, held):
    seen, unseen = hold_out(make_dataset(), names)
    assert unseen.fine_names == tuple(held)
    assert seen.fine_names == tuple(name for name in "pqrs" if name not in held)


def test_holding_out_what_is_not_there_or_all_there_is_is_one_sentence():
    with pytest.raises(ValueError, match="'z' is no category of 'toy': expected names of fine"):
        hold_out(make_dataset(), ["a", "z"])
    with pytest.raises(ValueError, match="4 of 4 fine categories of 'toy' would be held out"):
        hold_out(make_dataset(), ["a", "b", "c"])
    with pytest.raises(ValueError, match="0 of 4 fine categories of 'toy' would be held out"):
        hold_out(make_dataset(), [])


@pytest.mark.parametrize(("n_train", "n_test", "which"), [(0, None, "n_train"), (1, 0, "n_test")])
def test_thinning_to_nothing_is_one_sentence(n_train, n_test, which):
    with pytest.raises(ValueError, match=f"{which} is 0: expected a whole number, 1 or more"):
        thin(make_dataset(), n_train, n_test)


@pytest.mark.parametrize("part", [lambda data: hold_out(data, ["a"]), lambda data: only(data, [0])])
def test_parts_by_fine_labels_of_a_dataset_without_any_are_one_sentence(part):
    dataset = replace(make_dataset(), fine_names=None)
    with pytest.raises(ValueError, match="'toy' has no fine labels, expected some") as caught:
        part(dataset)
    assert "\n" not in str(caught.value)


def test_parts_say_their_own_sizes():
    digits = load("digits")
    before = dict(digits.provenance)
    for part in (only(digits, [3, 4]), thin(digits, 300, 50), *hold_out(digits, ["loop"])):
        sizes = {"train": len(part.train), "test": len(part.test)}
        assert part.provenance == before | {"sizes": sizes} and sizes != before["sizes"]
    assert digits.provenance == before
    assert only(make_dataset(), [0]).provenance == {}


def test_thinning_keeps_proportions_and_what_is_small_enough():
    dataset = make_dataset()
    part = thin(dataset, 8, 100, seed=1)
    assert np.bincount(part.train.fine).tolist() == [2, 2, 2, 2]
    assert part.test is dataset.test and thin(dataset, 8).test is dataset.test
    np.testing.assert_array_equal(part.train.inputs[:, 0, 0], part.train.fine)


def test_thinning_keeps_a_category_of_a_single_row():
    fine = np.array([0] * 10 + [2] + [1] * 10)
    split = Split([f"t{row}" for row in range(21)], np.minimum(fine, 1), fine)
    part = thin(CoarseDataset("toy", "text", split, split, ("a", "b"), tuple("pqr"), {}), 10)
    assert np.bincount(part.train.fine).tolist() == [5, 5, 1]
    assert part.train.inputs[5] == "t10" and part.train.coarse[5] == 1


def test_thinning_depends_on_the_seed_only():
    digits = load("digits")
    parts = [thin(digits, 300, 50, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(parts[0].train.inputs, parts[1].train.inputs)
    assert not np.array_equal(parts[0].train.inputs, parts[2].train.inputs)


@pytest.mark.parametrize("images", [True, False])
def test_pooled_has_train_first(images):
    dataset = make_dataset(images)
    both = pooled(dataset)
    assert len(both) == 28 and both.fine.tolist() == [*dataset.train.fine, *dataset.test.fine]
    assert list(both.titles[:20]) == dataset.train.titles
    np.testing.assert_array_equal(both.inputs[20:], dataset.test.inputs)
