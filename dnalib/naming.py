"""Names of discovered categories: the words that set a cluster's texts apart.

No fine label is used anywhere here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer

LONGEST_WORD = 30
"""Letters of a word that a name shows: without spaces, whole clauses would pass for words."""


def name_clusters(
    texts: Sequence[str],
    labels: ArrayLike,
    coarse: ArrayLike | None = None,
    *,
    n_words: int = 3,
) -> list[str]:
    """Name each cluster by its most characteristic words.

    The words are weighted by class-based TF-IDF (Grootendorst 2022, BERTopic), with one change:
    texts that use a word are counted, not its occurrences, so that one wordy text names nothing.
    With n(t, c) such texts in cluster c of n_c texts, n(t) in all clusters, and A the mean of
    sum_t n(t, c) over clusters, word t weighs

        n(t, c) / n_c * log(1 + A / n(t)).

    Given coarse labels, the weight is multiplied by the same logarithm taken within the cluster's
    coarse category (the one most of its texts carry). "tensor" then names no cluster of a library
    whose every text speaks of tensors, rare though the word may be elsewhere.

    Parameters
    ----------
    texts : sequence of str, length n
        The texts that were clustered.
    labels : array_like of int, shape (n,)
        Cluster of each text, 0 to K - 1; texts with -1 are left out.
    coarse : array_like of int, shape (n,), optional
        Coarse label of each text.
    n_words : int, default 3
        Words a name, of 30 letters at most. More words say more and take more room.

    Returns
    -------
    list of str, length K
        E.g. ``"shortest, path, weighted"``; ``"(empty)"`` for a cluster that has no texts and
        ``"(no words)"`` for one whose texts hold stop words only.

    Raises
    ------
    ValueError
        If the lengths differ, no text has a cluster, or `n_words` is below 1.

    Examples
    --------
    >>> name_clusters(["red apple", "green apple", "red car", "fast car"], [0, 0, 1, 1], n_words=1)
    ['apple', 'car']
    """
    labels = _checked_labels(texts, labels, coarse, n_words)
    used = np.flatnonzero(labels >= 0)
    counts, words = _counts([texts[row] for row in used], labels[used])
    sizes = _sizes(labels)
    weights = counts.copy()
    rows, columns = np.repeat(np.arange(len(sizes)), np.diff(counts.indptr)), counts.indices
    weights.data = counts.data / sizes[rows] * _rarity(counts)[columns]
    if coarse is not None:
        parents = majority(labels, coarse)
        for parent in np.unique(parents[parents >= 0]):
            members = parents == parent
            inside = members[rows]
            weights.data[inside] *= _rarity(counts[members])[columns[inside]]
    names = [_name(weights, cluster, words, n_words) for cluster in range(len(sizes))]
    return [name if n else "(empty)" for name, n in zip(names, sizes, strict=True)]


def majority(labels: ArrayLike, coarse: ArrayLike) -> np.ndarray:
    """Return the coarse label that most texts of each cluster carry.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Cluster of each text, 0 to K - 1; texts with -1 are left out.
    coarse : array_like of int, shape (n,)
        Coarse label of each text.

    Returns
    -------
    ndarray of int64, shape (K,)
        -1 for a cluster that has no texts; the smaller label where two are equally common.

    Examples
    --------
    >>> majority([0, 0, 0, 1], [5, 2, 5, 2]).tolist()
    [5, 2]
    """
    labels, coarse = np.asarray(labels), np.asarray(coarse)
    parents = np.full(labels.max() + 1, -1, dtype=np.int64)
    for cluster in np.unique(labels[labels >= 0]):
        values, counts = np.unique(coarse[labels == cluster], return_counts=True)
        parents[cluster] = values[counts.argmax()]
    return parents


def _checked_labels(
    texts: Sequence[str], labels: ArrayLike, coarse: ArrayLike | None, n_words: int
) -> np.ndarray:
    labels = np.asarray(labels)
    for name, given in (("labels", labels), ("coarse labels", coarse)):
        if given is not None and len(given) != len(texts):
            raise ValueError(
                f"there are {len(given)} {name} for {len(texts)} texts: give one a text."
            )
    if not (labels >= 0).any():
        raise ValueError("no text has a cluster: give at least one label that is 0 or more.")
    if n_words < 1:
        raise ValueError(f"n_words is {n_words}: a name needs at least 1 word.")
    return labels


def _sizes(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels[labels >= 0])


def _counts(texts: Sequence[str], labels: np.ndarray) -> tuple[csr_array, np.ndarray]:
    """Texts of each cluster that use a word, (K, V), and the V words.

    Sparse: few clusters use a word, and a table of 300 by 250,000 would take 600 MB.
    """
    # Words of two letters and more that hold no digit; "k-means" is one word.
    vectorizer = CountVectorizer(
        binary=True, stop_words="english", token_pattern=r"\b[^\W\d_](?:-?[^\W\d_])+\b"
    )
    try:
        used = vectorizer.fit_transform(texts).tocsr()
    except ValueError:  # scikit-learn's way to say that stop words are all there is
        return csr_array((labels.max() + 1, 0)), np.array([], dtype=str)
    texts_of_cluster = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    counts = csr_array(texts_of_cluster @ used)
    counts.sort_indices()  # so that equally heavy words stand in the order of the alphabet
    return counts, vectorizer.get_feature_names_out()


def _rarity(counts: csr_array) -> np.ndarray:
    """log(1 + A / n(t)) of every word, (V,), over the clusters given."""
    mean_words = counts.sum(axis=1).mean()
    return np.log1p(mean_words / np.maximum(counts.sum(axis=0), 1))


def _name(weights: csr_array, cluster: int, words: np.ndarray, n_words: int) -> str:
    """The heaviest words, without a second form of one that is already there."""
    chosen: list[str] = []
    stems: set[str] = set()
    own = slice(*weights.indptr[cluster : cluster + 2])
    for position in np.argsort(-weights.data[own], kind="stable"):
        if len(chosen) == n_words:
            break
        word = str(words[weights.indices[own][position]])
        stem = _stem(word)
        if stem not in stems:
            chosen.append(_shortened(word))
            stems.add(stem)
    return ", ".join(chosen) or "(no words)"


def _shortened(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def _stem(word: str) -> str:
    """A word without its ending, enough to tell "graph" and "graphs" for one."""
    for ending in ("ing", "ies", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word
