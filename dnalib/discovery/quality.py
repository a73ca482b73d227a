"""What can be said of discovered categories when nobody knows the true ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from dnalib.clustering import ari, assign_clusters, closeness, cluster_within
from dnalib.discovery.learning import Learned
from dnalib.discovery.sorting import Sorter, Temperatures, nearest
from dnalib.progress import progress_bar

FOLDS = 5
SUBSAMPLE = 0.8
SUSPICIOUS = 0.2
"""By how much another coarse label must be likelier for a row to be listed."""


@dataclass(frozen=True, eq=False)
class Quality:
    """How far the categories that a model discovered can be trusted.

    Attributes
    ----------
    stability, separation : dict of int to float
        The mean of `stability` and `separation` over each category's rows.
    stability_ari : ndarray (r,)
        As `Stability.ari`.
    temperatures : Temperatures
        As `temperatures` returns them.
    suspicious : DataFrame
        As `suspicious_labels` returns it, with ``row``, the row of the table, for ``position``;
        those with a certainty of at least `SUSPICIOUS`.
    """

    stability: dict[int, float]
    separation: dict[int, float]
    stability_ari: np.ndarray
    temperatures: Temperatures
    suspicious: pd.DataFrame


def judge(
    learned: Learned, names: Sequence[str], *, seed: int = 0, progress: bool = False
) -> Quality:
    """Measure how far what was learned from classes called `names` can be trusted."""
    features, coarse, found = learned.features, learned.coarse, learned.clustering
    stable = stability(features, coarse, found.labels, seed=seed, progress=progress)
    apart = separation(features, found.labels, coarse)
    suspicious = suspicious_labels(learned.embeddings, coarse, names, seed=seed, progress=progress)
    suspicious = suspicious[suspicious["certainty"] >= SUSPICIOUS]
    rows = learned.chosen[suspicious.pop("position").to_numpy(dtype=np.int64)]
    suspicious.insert(0, "row", rows)
    return Quality(
        stability=_means(stable.agreement, found.labels),
        separation=_means(apart, found.labels),
        stability_ari=stable.ari,
        temperatures=temperatures(learned, stable.agreement),
        suspicious=suspicious,
    )


@dataclass(frozen=True, eq=False)
class Stability:
    """How far categories come back when others of the rows are clustered from another start.

    Attributes
    ----------
    agreement : ndarray (n,)
        For each row, the share of reclusterings in which its category holds it again.
    ari : ndarray (r,)
        Agreement of each whole reclustering with the first one: 1 is the same, 0 chance.
    """

    agreement: np.ndarray
    ari: np.ndarray


def stability(
    features: np.ndarray,
    coarse: np.ndarray,
    labels: np.ndarray,
    *,
    n_repeats: int = 10,
    seed: int = 0,
    progress: bool = False,
) -> Stability:
    """Cluster four fifths of each class again and again, and see which categories come back.

    Each reclustering draws its own rows and starts, has as many categories in each class, sorts
    *all* rows to its centers, and is matched to `labels` one to one (Hungarian algorithm).

    Parameters
    ----------
    features : ndarray (n, d)
    coarse : ndarray (n,) int64
        Class of each row.
    labels : ndarray (n,) int64
        Category of each row; every category lies in one class.
    n_repeats : int, default 10
    seed : int, default 0
    progress : bool, default False
    """
    numbers = {int(c): len(np.unique(labels[coarse == c])) for c in np.unique(coarse)}
    agreement, scores = np.zeros(len(labels)), []
    with progress_bar(n_repeats, "regrouping", "time", show=progress) as bar:
        for repeat in range(n_repeats):
            rows = _subsample(coarse, numbers, np.random.default_rng((seed, repeat)))
            with warnings.catch_warnings():
                # Texts that are alike may leave fewer of them than a class has categories.
                warnings.simplefilter("ignore", ConvergenceWarning)
                again = cluster_within(
                    features[rows], coarse[rows], numbers, n_init=1, seed=seed + repeat + 1
                )
            found = nearest(features, coarse, again.centers, again.parents)
            scores.append(ari(labels, found))
            agreement += come_back(labels, found)
            bar.update()
    return Stability(agreement / n_repeats, np.array(scores))


def come_back(labels: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return whether each row (n,) lies again in the category that it has in `labels`.

    The clusters of another grouping, `found`, are matched to the categories one to one.
    """
    match = assign_clusters(labels, found)
    return np.array([match.get(cluster, -1) for cluster in found.tolist()]) == labels


def separation(features: np.ndarray, labels: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Return how much nearer each row is to its own center than to the next one, (n,) in [-1, 1].

    The silhouette with distances to centers in place of mean distances to rows; the next center is
    the nearest other one of the same class. 0 lies on the border; rows of a class with a single
    category get 1, for nothing is near.
    """
    values = np.ones(len(labels))
    for parent in np.unique(coarse):
        rows = np.flatnonzero(coarse == parent)
        categories, own = np.unique(labels[rows], return_inverse=True)
        if len(categories) < 2:
            continue
        centers = np.stack([features[rows[own == i]].mean(axis=0) for i in range(len(categories))])
        squared = (features[rows] ** 2).sum(axis=1)[:, None] - 2 * closeness(
            features[rows], centers
        )
        distances = np.sqrt(np.maximum(squared, 0))
        mine = distances[np.arange(len(rows)), own]
        distances[np.arange(len(rows)), own] = np.inf
        other = distances.min(axis=1)
        values[rows] = (other - mine) / np.maximum(np.maximum(other, mine), 1e-12)
    return values


def temperatures(learned: Learned, agreement: np.ndarray) -> Temperatures:
    """Return the scales for rows whose class is known, and for rows whose class is not.

    A row without its class is where it belongs if its nearest center, whatever the class, is its
    own, and stays there if a reclustering agrees, by `agreement` (n,).
    """
    features, found = learned.features, learned.clustering
    sorter, unknown = Sorter(found.centers, found.parents, ()), np.full(len(features), -1)
    inside = sorter.scores(features, learned.coarse)
    anywhere = sorter.scores(features, unknown)
    stays = agreement * (anywhere.argmax(axis=1) == found.labels)
    return Temperatures(
        known=temperature(inside, found.labels, float(agreement.mean())),
        open=temperature(anywhere, anywhere.argmax(axis=1), float(stays.mean())),
    )


def temperature(scores: np.ndarray, chosen: np.ndarray, target: float) -> float:
    """Return the scale at which the mean probability of the chosen categories is `target`.

    The probabilities are ``softmax(scores / scale)`` with scores (n, K), -inf where a category is
    out of the question; their mean falls as the scale rises, so that bisection finds it. With the
    share of reclusterings that agree as the target, a confidence of 0.8 means: in about 80 of 100
    reclusterings such a text would stay where it is.
    """
    low, high = 1e-4, 1.0
    for _ in range(30):
        middle = np.sqrt(low * high)
        held = softmax(scores / middle, axis=1)[np.arange(len(chosen)), chosen].mean()
        low, high = (middle, high) if held > target else (low, middle)
    return float(np.sqrt(low * high))


def suspicious_labels(
    embeddings: np.ndarray,
    coarse: np.ndarray,
    names: Sequence[str],
    *,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """Return the rows whose coarse label looks wrong, the most suspicious first.

    Confident learning (Northcutt et al. 2021): a logistic regression predicts each row's label from
    the others (five folds). A row is listed where another label is both likelier than its own and
    as likely as it usually is for rows that carry that label.

    Parameters
    ----------
    embeddings : ndarray (n, d)
        From an encoder that was not trained on these labels, or it would have learned the mistakes.
    coarse : ndarray (n,) int64
    names : sequence of str
        Name of each coarse label.
    seed : int, default 0
    progress : bool, default False

    Returns
    -------
    DataFrame
        Columns ``position`` (0 to n - 1), ``label``, ``looks_like``, ``certainty``: by how much
        the other label is likelier, from 0 to 1.
    """
    probabilities = _out_of_fold(embeddings, coarse, len(names), seed, progress)
    rows = np.arange(len(coarse))
    usual = np.array(
        [
            probabilities[coarse == c, c].mean() if (coarse == c).any() else 1.0
            for c in range(len(names))
        ]
    )
    others = np.where(probabilities >= usual, probabilities, 0.0)
    others[rows, coarse] = 0.0
    best = others.argmax(axis=1)
    margin = others[rows, best] - probabilities[rows, coarse]
    flagged = np.flatnonzero((others[rows, best] > 0) & (margin > 0))
    flagged = flagged[np.argsort(-margin[flagged], kind="stable")]
    return pd.DataFrame(
        {
            "position": flagged,
            "label": [names[c] for c in coarse[flagged]],
            "looks_like": [names[c] for c in best[flagged]],
            "certainty": margin[flagged],
        }
    )


def _out_of_fold(
    embeddings: np.ndarray, coarse: np.ndarray, n_coarse: int, seed: int, progress: bool
) -> np.ndarray:
    """Return the probabilities (n, P) of each label by models that have not seen the row."""
    sizes = np.bincount(coarse, minlength=n_coarse)
    probabilities = np.zeros((len(coarse), n_coarse))
    probabilities[np.arange(len(coarse)), coarse] = 1.0
    # A label of one row cannot be learned from other rows: such rows are never suspicious.
    rows = np.flatnonzero(sizes[coarse] >= 2)
    if len(np.unique(coarse[rows])) < 2:
        return probabilities
    folds = min(FOLDS, int(sizes.max()))
    with progress_bar(folds, "checking labels", "fold", show=progress) as bar:
        for train, test in _folds(coarse[rows], folds, seed):
            model = LogisticRegression(C=10.0, max_iter=200)
            model.fit(embeddings[rows[train]], coarse[rows[train]])
            probabilities[rows[test]] = 0.0
            held = np.ix_(rows[test], model.classes_)
            probabilities[held] = model.predict_proba(embeddings[rows[test]])
            bar.update()
    return probabilities


def _folds(labels: np.ndarray, n: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return n pairs of rows to learn from, which hold every label, and rows to judge."""
    splitter = StratifiedKFold(n, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # That a label has fewer rows than there are folds: its rows lie in different ones.
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(labels, labels))


def _subsample(coarse: np.ndarray, numbers: dict[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return four fifths of the rows of each class, never fewer than it has categories."""
    drawn = []
    for parent, number in numbers.items():
        rows = np.flatnonzero(coarse == parent)
        drawn.append(rng.permutation(rows)[: max(number, int(SUBSAMPLE * len(rows)))])
    return np.concatenate(drawn)


def _means(values: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Return the mean of the values (n,) over the rows of each category."""
    return {int(label): float(values[labels == label].mean()) for label in np.unique(labels)}
