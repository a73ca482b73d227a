"""Names are made of the words that a cluster has and others lack."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.naming import majority, name_clusters

TEXTS = [
    "tensor convolution kernel", "tensor convolution stride",
    "tensor optimizer momentum", "tensor optimizer decay",
    "graph path weight", "graph path length",
]  # fmt: skip
LABELS = [0, 0, 1, 1, 2, 2]
COARSE = [7, 7, 7, 7, 9, 9]


def rarity_by_hand(word, texts, labels):
    mean_words = sum(len(set(text.split())) for text in texts) / len(set(labels))
    return np.log(1 + mean_words / sum(word in text.split() for text in texts))


def weight_by_hand(word, cluster):
    """The formula of the docstring, word by word."""
    own = [text for text, label in zip(TEXTS, LABELS, strict=True) if label == cluster]
    share = sum(word in text.split() for text in own) / len(own)
    # The parent of clusters 0 and 1 holds the first four texts.
    within = rarity_by_hand(word, TEXTS[:4], LABELS[:4])
    return share * rarity_by_hand(word, TEXTS, LABELS) * within


@pytest.mark.parametrize("cluster", [0, 1])
def test_order_of_the_words_follows_the_formula(cluster):
    own = {word for text in TEXTS[2 * cluster : 2 * cluster + 2] for word in text.split()}
    expected = sorted(own, key=lambda word: (-weight_by_hand(word, cluster), word))
    assert name_clusters(TEXTS, LABELS, COARSE, n_words=4)[cluster].split(", ") == expected


def test_common_word_of_the_parent_is_discounted():
    texts = [
        "tensor kernel stride padding", "tensor channel bias groups", "tensor dilation input norm",
        "tensor momentum decay rate", "tensor epsilon gamma amsgrad", "tensor rho lambda warmup",
        "tree leaf forest root", "flower petal scent stem",
    ]  # fmt: skip
    labels, coarse = [0, 0, 0, 1, 1, 1, 2, 3], [0, 0, 0, 0, 0, 0, 1, 1]
    assert [name_clusters(texts, labels, n_words=1)[c] for c in (0, 1)] == ["tensor", "tensor"]
    assert "tensor" not in name_clusters(texts, labels, coarse, n_words=3)[0]


def test_wordy_text_does_not_name_its_cluster():
    texts = ["apple " * 50 + "fruit", "fruit pear", "fruit plum", "engine car", "engine bus"]
    assert name_clusters(texts, [0, 0, 0, 1, 1], n_words=1) == ["fruit", "engine"]


def test_second_form_of_a_word_is_left_out():
    texts = ["graph graphs nodes", "graph graphs edges", "sound", "sound"]
    first = name_clusters(texts, [0, 0, 1, 1], n_words=2)[0].split(", ")
    assert len([word for word in first if word.startswith("graph")]) == 1


def test_numbers_and_stop_words_name_nothing():
    assert name_clusters(["the 2024 of", "a cat"], [0, 1]) == ["(no words)", "cat"]
    assert name_clusters(["the", "of the"], [0, 1]) == ["(no words)", "(no words)"]


def test_empty_and_unclustered():
    assert name_clusters(["cat", "dog", "bird"], [0, 2, -1]) == ["cat", "(empty)", "dog"]


@given(st.permutations(range(6)), st.permutations(range(3)))
def test_order_of_texts_and_numbering_of_clusters_do_not_matter(order, numbering):
    names = name_clusters(TEXTS, LABELS, COARSE)
    texts = [TEXTS[row] for row in order]
    labels = [numbering[LABELS[row]] for row in order]
    again = name_clusters(texts, labels, [COARSE[row] for row in order])
    assert [again[numbering[cluster]] for cluster in range(3)] == names


def test_majority():
    assert majority([0, 0, 0, 2, 2, -1], [5, 2, 5, 4, 3, 9]).tolist() == [5, -1, 3]


@pytest.mark.parametrize(
    ("labels", "coarse", "n_words", "message"),
    [
        ([0], None, 3, "there are 1 labels for 2 texts"),
        ([0, 1], [0], 3, "there are 1 coarse labels for 2 texts"),
        ([-1, -1], None, 3, "no text has a cluster"),
        ([0, 1], None, 0, "n_words is 0"),
    ],
)
def test_bad_input(labels, coarse, n_words, message):
    with pytest.raises(ValueError, match=message):
        name_clusters(["cat", "dog"], labels, coarse, n_words=n_words)


def weights_by_table(counts, sizes, parents):
    """The formula of the docstring on a dense table of clusters by words."""

    def rarity(part):
        return np.log1p(part.sum(axis=1).mean() / np.maximum(part.sum(axis=0), 1))

    weights = counts / np.maximum(sizes, 1)[:, None] * rarity(counts)
    for parent in np.unique(parents):
        weights[parents == parent] *= rarity(counts[parents == parent])
    return weights


@given(st.integers(0, 2**32 - 1))
def test_names_are_those_of_a_dense_table(seed):
    rng = np.random.default_rng(seed)
    words = np.array([chr(97 + i) * 3 for i in range(20)])
    used = rng.random((40, 20)) < 0.2
    labels = np.r_[np.arange(6), rng.integers(6, size=34)]
    parents = rng.integers(2, size=6)
    counts = np.array([used[labels == cluster].sum(axis=0) for cluster in range(6)], dtype=float)
    weights = weights_by_table(counts, np.bincount(labels), parents)
    best = [[w for w in np.argsort(-row, kind="stable") if row[w] > 0][:4] for row in weights]
    expected = [", ".join(words[own]) or "(no words)" for own in best]
    texts = [" ".join(words[row]) for row in used]
    assert name_clusters(texts, labels, parents[labels], n_words=4) == expected


def test_many_words_in_many_clusters_take_little_memory():
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"{a}{b}{c}x" for a in letters for b in letters for c in letters]
    texts = [" ".join(words[i::300]) for i in range(300)]
    tracemalloc.start()
    name_clusters(texts, range(300), [0] * 300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 300 * len(words) / 2  # half of one dense table


def test_clauses_that_pass_for_words_are_shortened():
    clause = "機械学習のモデルを訓練するときに最も重要なことは良いデータを集めることである"
    assert name_clusters([clause, "cat"], [0, 1]) == [clause[:29] + "…", "cat"]
    assert name_clusters(["a" * 30, "cat"], [0, 1]) == ["a" * 30, "cat"]


def test_a_word_of_endless_length_takes_no_time():
    start = time.process_time()
    assert name_clusters(["a" * 20_000 + "1", "k-means ab"], [0, 1]) == [
        "(no words)",
        "ab, k-means",
    ]
    assert time.process_time() - start < 2
