"""The dataset classes and the stratified split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.datasets import CoarseDataset, Split, from_table, load, names
from dnalib.datasets.core import stratified_split


def make_dataset(fine=True):
    train_fine, test_fine = (np.array([0, 0, 1, 2]), np.array([1, 2])) if fine else (None, None)
    return CoarseDataset(
        name="toy",
        kind="text",
        train=Split(["a b", "a", "a b c", "a b"], np.array([0, 0, 1, 1]), train_fine),
        test=Split(["a b c d", "a b"], np.array([0, 1]), test_fine),
        coarse_names=("x", "y"),
        fine_names=("p", "q", "r") if fine else None,
        provenance={},
    )


def test_parents_are_by_majority_and_ties_go_to_the_first():
    # q stands once under x and once under y; p under x only; r under y only.
    assert make_dataset().parents.tolist() == [0, 0, 1]


def test_summary_counts_by_hand():
    summary = make_dataset().summary()
    assert summary.loc["train"].to_dict() == {
        "texts": 4,
        "coarse": 2,
        "fine": 3,
        "smallest_fine": 1,
        "largest_fine": 2,
        "median_words": 2,
    }
    assert summary.loc["test", ["texts", "fine", "median_words"]].tolist() == [2, 2, 3]


@pytest.mark.parametrize("fine", [None, "topic"])
def test_a_split_without_rows_is_summed_up_as_zeros(fine):
    frame = pd.DataFrame({"text": ["card lost", "where is it"], "desk": ["a", "b"]})
    dataset = from_table(frame.assign(topic=["p", "q"]), "text", "desk", fine)
    summary = dataset.summary()
    assert len(dataset.test) == 0 and (summary.loc["test"] == 0).all()
    assert summary.loc["train", "median_words"] == 2


def test_without_fine_labels():
    dataset = make_dataset(fine=False)
    assert (dataset.n_coarse, dataset.n_fine, dataset.parents) == (2, None, None)
    assert "fine" not in dataset.summary().columns


def test_third_party_texts_are_not_shown():
    own = make_dataset()
    assert own.shows_texts
    assert not replace(own, provenance={"third_party": True}).shows_texts
    assert load("pydocs").shows_texts and not load("digits").shows_texts


def test_split_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match=r"coarse labels have the shape \(3,\), expected \(2,\)"):
        Split(["a", "b"], np.zeros(3, dtype=np.int64))


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array),
    test_size=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_stratified_split_holds_every_row_once_and_every_class_in_both(labels, test_size, seed):
    train, test = stratified_split(labels, test_size, seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    for label, size in zip(*np.unique(labels, return_counts=True)):
        in_test = (labels[test] == label).sum()
        if size == 1:
            assert in_test == 0
        else:
            assert 1 <= in_test <= size - 1
            assert abs(in_test - test_size * size) <= 1


def test_stratified_split_depends_on_the_seed_only():
    labels = np.repeat([0, 1], 50)
    first, again, other = (stratified_split(labels, 0.2, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("test_size", [0, 1, -0.5, 20])
def test_stratified_split_refuses_a_size_that_is_no_share(test_size):
    with pytest.raises(ValueError, match=f"test_size is {test_size}"):
        stratified_split(np.array([0, 0, 1, 1]), test_size)


def test_unknown_dataset_names_the_known_ones():
    with pytest.raises(ValueError, match="no dataset 'clinc', expected one of: pydocs, clinc150"):
        load("clinc")


def test_names():
    texts = ("pydocs", "clinc150", "hwu64", "wos", "wos-test")
    assert names() == (*texts, "digits", "mnist", "omniglot", "cifar10")


def test_digits():
    dataset = load("digits")
    assert dataset.kind == "image" and len(dataset.train) + len(dataset.test) == 1797
    images = np.concatenate([dataset.train.inputs, dataset.test.inputs])
    assert images.shape[1:] == (8, 8) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 1
    assert [dataset.coarse_names[parent] == "loop" for parent in dataset.parents] == [
        digit in (0, 4, 6, 8, 9) for digit in range(10)
    ]
    assert (dataset.parents[dataset.train.fine] == dataset.train.coarse).all()
    assert dataset.summary().loc["test", "smallest_fine"] >= 34
