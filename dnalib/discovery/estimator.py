"""`FineCategoryDiscovery`: from texts with coarse labels to named sub-categories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.exceptions import NotFittedError

from dnalib.clustering import (
    NumberEstimate,
    closeness,
    cluster_within,
    estimate_n_clusters,
    kmeans,
    share_out,
)
from dnalib.datasets import CoarseDataset, Split
from dnalib.discovery import quality
from dnalib.discovery.edits import (
    Edit,
    Merge,
    Rename,
    Cut,
    replay,
    replay_parents,
    replay_probabilities,
    softmax,
)
from dnalib.discovery.texts import Rows, check_lengths, clean_all, plain_labels, prepare
from dnalib.encoders import encode
from dnalib.methods import get_method, run
from dnalib.naming import name_clusters
from dnalib.progress import progress_bar

NO_TEXT = -1
"""The label of a row that holds no text."""
FEWEST_STEPS = 60
"""Training steps below which a small table gets more epochs."""
MOST_EPOCHS = 30
SUSPICIOUS = 0.2
"""By how much another coarse label must be likelier for a row to be listed."""
CHUNK = 4096
"""Texts encoded at a time, so that memory does not grow with the table."""
OUTLYING = 0.01
"""Share of each category's own texts that count as far from its center."""


@dataclass(eq=False)
class Learned:
    """The rows that a model was fitted on; a saved model does not keep them.

    Attributes
    ----------
    texts : list of str, length n
        Cleaned.
    features : ndarray of float32, shape (n, d)
        Unit features by the trained encoder; zeros where there is no text.
    coarse : ndarray of int64, shape (n,)
        Coarse label as given, -1 where missing.
    parents : ndarray of int64, shape (n,)
        Coarse class that the row's category belongs to.
    leaves : ndarray of int64, shape (n,)
        Category before any edit by hand; -1 without text.
    copy_of : ndarray of int64, shape (n,)
        First row that says the same, -1 for rows that were not learned from.
    """

    texts: list[str]
    features: np.ndarray
    coarse: np.ndarray
    parents: np.ndarray
    leaves: np.ndarray
    copy_of: np.ndarray


class FineCategoryDiscovery(ClusterMixin, TransformerMixin, BaseEstimator):
    """Discover fine categories inside coarse ones, name them, and sort new texts into them.

    Texts are encoded, the encoder is trained with the coarse labels by one of `dnalib.methods`, and
    the texts of each coarse class are clustered apart from the others: every category belongs to
    one coarse class by construction.

    Parameters
    ----------
    n_fine : int, mapping or "auto", default "auto"
        Categories in all; or those of each coarse label, where a label that is left out is
        estimated; or "auto" to estimate all (`dnalib.clustering.estimate_n_clusters`). Never more
        than there are distinct texts.
    method : str, default "dna"
        A name in `dnalib.methods.METHODS`; "embeddings" trains nothing and takes seconds.
    encoder : str, default "minilm"
        As in `dnalib.encoders.load_encoder`. For texts that are not English take a multilingual
        one by its Hugging Face name or folder.
    epochs : int or None, default None
        Passes over the texts. None: 8, and more (30 at most) where 8 would be few steps.
    max_length : int, default 64
        Word pieces of a text that are read. More cost proportionally more time and memory.
    max_rows : int, default 20000
        Distinct texts that are trained on and clustered; of more, as many are drawn, in proportion
        to the coarse classes, and the others go to the nearest center in their class. It bounds
        time and memory: training takes both in proportion.
    n_init : int, default 20
        Starts of k-means.
    seed : int, default 0
        Of everything random.
    settings : mapping, optional
        Fields of `dnalib.training.TrainingConfig`, such as ``{"learning_rate": 1e-4}``.
    progress : bool, default True
        Show bars, or a line an epoch where nobody watches.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n,)
        Category id of each row that was given to `fit` and `partial_fit`, -1 for rows without
        text.
    parent_names_ : tuple of str
        The coarse labels, sorted.
    centers_ : ndarray of float32, shape (K, d)
        Center of each category as discovered, before edits by hand.
    center_parents_ : ndarray of int64, shape (K,)
        Coarse class of each of them, as a position in `parent_names_`.
    n_fine_ : dict of str to NumberEstimate
        For each coarse label the number taken, with an interval where it was estimated.
    edits_ : list
        What was renamed, merged and split by hand, in order.
    history_ : DataFrame
        One row an epoch of training.
    notes_ : list of str
        What was noticed about the table, one sentence each.

    Examples
    --------
    >>> model = FineCategoryDiscovery(n_fine=20)
    >>> model.fit(texts, departments).categories()  # doctest: +SKIP
    >>> model.predict(["My card was charged twice"])  # doctest: +SKIP
    """

    def __init__(
        self,
        n_fine: int | Mapping[str, int] | str = "auto",
        *,
        method: str = "dna",
        encoder: str = "minilm",
        epochs: int | None = None,
        max_length: int = 64,
        max_rows: int = 20_000,
        n_init: int = 20,
        seed: int = 0,
        settings: Mapping[str, object] | None = None,
        progress: bool = True,
    ):
        self.n_fine = n_fine
        self.method = method
        self.encoder = encoder
        self.epochs = epochs
        self.max_length = max_length
        self.max_rows = max_rows
        self.n_init = n_init
        self.seed = seed
        self.settings = settings
        self.progress = progress

    def __sklearn_tags__(self):
        """Tell scikit-learn that the input is a list of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags

    # --- learning ---

    def fit(self, texts: Iterable[str], coarse: Iterable) -> FineCategoryDiscovery:
        """Discover and name the categories.

        Parameters
        ----------
        texts : iterable of str, length n
            Missing ones (None, NaN, blank) get the label -1. Markup is taken out, copies count
            once, and only the beginning of a long text is read.
        coarse : iterable, length n
            Label of each text, compared as text. Rows where it is missing teach nothing and are
            sorted into the likeliest class.

        Returns
        -------
        FineCategoryDiscovery
            The model itself.

        Raises
        ------
        ValueError
            If a text is no text, the lengths differ, fewer than two coarse labels have texts, or
            a setting is out of range.
        """
        rows = prepare(texts, coarse)
        chosen = self._chosen(rows)
        wanted = _wanted_numbers(self.n_fine, rows)
        dataset = _as_dataset(rows, chosen)
        embeddings = self._train(dataset, "embeddings").train_features
        first = self._numbers(embeddings, dataset.train.coarse, wanted)
        expected = sum(first.values())
        trained = self._train(_as_dataset(rows, chosen, expected), self.method, expected)
        is_trained = get_method(self.method).objective is not None
        rule = "silhouette" if is_trained else "communities"
        numbers = self._numbers(trained.train_features, dataset.train.coarse, wanted, rule)

        self.parent_names_ = rows.parents
        self._keep_encoder(trained.encoder)
        self.history_ = trained.history
        self.edits_: list[Edit] = []
        self.n_fine_ = {
            name: _as_estimate(numbers, wanted, position, self._estimates)
            for position, name in enumerate(rows.parents)
        }
        found = cluster_within(
            trained.train_features,
            rows.coarse[chosen],
            numbers,
            n_init=self.n_init,
            seed=self.seed,
        )
        self.centers_ = found.centers.astype(np.float32)
        self.center_parents_ = found.parents
        self._judge(trained.train_features, embeddings, rows, chosen, found.labels)
        features = self._all_features(rows, chosen, trained.train_features)
        leaves = self._leaves(features, rows.coarse, rows.has_text)
        parents = np.where(leaves >= 0, self.center_parents_[leaves], rows.coarse)
        self._rows = Learned(rows.texts, features, rows.coarse, parents, leaves, rows.copy_of)
        self.labels_ = leaves.copy()
        self._count()
        self.names_ = self._names(range(len(self.centers_)))
        self.edges_ = self._edges()
        self.notes_ = self._notes(rows, wanted)
        return self

    def fit_predict(self, texts: Iterable[str], coarse: Iterable) -> np.ndarray:
        """Fit, and return `labels_`."""
        return self.fit(texts, coarse).labels_

    def partial_fit(
        self, texts: Iterable[str], coarse: Iterable | None = None
    ) -> FineCategoryDiscovery:
        """Take in new texts without moving anything: they get labels, the old ones keep theirs.

        Centers, names and the encoder stay as they are, for moving them would move old labels. What
        grows are `labels_` and the sizes, and `notes_` says how many of the new texts lie farther
        from every center than the texts that the categories were made of: when that share is large,
        there is something new, and `fit` should see all texts again.

        Parameters
        ----------
        texts : iterable of str
        coarse : iterable, optional
            As in `predict`. A model that is not fitted yet is fitted instead.
        """
        if not hasattr(self, "centers_"):
            if coarse is None:
                raise ValueError(
                    "the model is not fitted yet, so that coarse labels are needed: give one a text"
                )
            return self.fit(texts, coarse)
        cleaned, given = self._new(texts, coarse)
        features = self._features(cleaned)
        has_text = np.array([bool(text) for text in cleaned])
        leaves = self._leaves(features, given, has_text)
        self.labels_ = np.concatenate([self.labels_, replay(self.edits_, leaves, features)])
        if self._rows is not None:
            old, parents = self._rows, np.where(leaves >= 0, self.center_parents_[leaves], given)
            self._rows = Learned(
                [*old.texts, *cleaned],
                np.concatenate([old.features, features]),
                np.concatenate([old.coarse, given]),
                np.concatenate([old.parents, parents]),
                np.concatenate([old.leaves, leaves]),
                np.concatenate([old.copy_of, np.full(len(leaves), -1)]),
            )
        self._count()
        far = self._is_far(features, leaves)
        self.notes_.append(
            f"{int(far.sum())} of {len(cleaned)} texts that were added lie farther from every "
            f"category than {1 - OUTLYING:.0%} of the texts it was made of."
        )
        return self

    # --- using ---

    def predict(self, texts: Iterable[str], coarse: Iterable | None = None) -> np.ndarray:
        """Return the category id of each text, (n,) int64; -1 for a text that holds nothing.

        Parameters
        ----------
        texts : iterable of str, length n
        coarse : iterable, length n, optional
            Coarse label of each text where it is known; the category is then one of that class.
            Missing ones (and all, without `coarse`) are predicted along with the category.

        Raises
        ------
        ValueError
            If a text is no text, the lengths differ, or a coarse label was not in the table.
        NotFittedError
            If the model is not fitted.
        """
        features, leaves, _ = self._sorted(texts, coarse)
        return replay(self.edits_, leaves, features)

    def predict_proba(self, texts: Iterable[str], coarse: Iterable | None = None) -> np.ndarray:
        """Return the probability of each category, (n, C), in the order of `categories`.

        A softmax of the closeness to the centers, scaled so that the mean probability of the
        categories chosen in `fit` is the share of reclusterings that choose the same: 0.8 means
        that a text would stay where it is in about 80 of 100. Rows sum to 1; a text that holds
        nothing gets each category's share of the texts.

        Parameters
        ----------
        texts, coarse
            As in `predict`.
        """
        features, leaves, given = self._sorted(texts, coarse)
        return self._probabilities(features, leaves, given)

    def transform(self, texts: Iterable[str]) -> np.ndarray:
        """Return the unit features (n, d) of texts by the trained encoder; zeros without text."""
        self._check_fitted()
        return self._features(clean_all(texts))

    def table(self, texts: Iterable[str], coarse: Iterable | None = None) -> pd.DataFrame:
        """Return one row a text: ``row, parent, category, name, confidence``.

        Confidence is the probability of the category, see `predict_proba`. Rows without text have
        the category -1 and an empty name.

        Parameters
        ----------
        texts, coarse
            As in `predict`.
        """
        features, leaves, given = self._sorted(texts, coarse)
        return self._table(features, leaves, given)

    def fitted_table(self) -> pd.DataFrame:
        """Return `table` of the rows that the model was fitted on, without encoding them again."""
        rows = self._needs_rows("the table of the rows that it was fitted on")
        return self._table(rows.features, rows.leaves, rows.coarse)

    def categories(self) -> pd.DataFrame:
        """Return one row a category.

        Returns
        -------
        DataFrame
            Index ``category`` (the id). Columns ``parent``, ``name``, ``size`` (rows),
            ``share`` (of its parent's rows), ``stability`` (how often its rows come back together
            in reclusterings, 0 to 1) and ``separation`` (how much nearer they are to their own
            center than to the next, -1 to 1), both NaN for categories made by hand.
        """
        self._check_fitted()
        ids = self._category_ids()
        parents = self._category_parents()
        sizes = np.array([self.sizes_.get(c, 0) for c in ids])
        frame = pd.DataFrame(
            {
                "parent": [self.parent_names_[parents[c]] for c in ids],
                "name": [self.names_[c] for c in ids],
                "size": sizes,
                "stability": [self._judged(self.stability_, c) for c in ids],
                "separation": [self._judged(self.separation_, c) for c in ids],
            },
            index=pd.Index(ids, name="category"),
        )
        within = frame.groupby("parent")["size"].transform("sum")
        frame.insert(3, "share", frame["size"] / np.maximum(within, 1))
        return frame

    # --- changing by hand ---

    def rename(self, category: int, name: str) -> FineCategoryDiscovery:
        """Give a category another name; the model remembers it."""
        self._check_categories([category])
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"the name is {name!r}, expected a text that is not empty")
        self.edits_.append(Rename(int(category), name.strip()))
        self.names_[int(category)] = name.strip()
        return self

    def rename_all(self, namer: Callable[[Mapping], str], n_texts: int = 8) -> FineCategoryDiscovery:
        """Have every category named by a function, such as one that asks a language model.

        Parameters
        ----------
        namer : callable
            Takes a mapping with ``parent``, ``words`` (the present name), ``texts`` (the most
            central ones) and ``siblings`` (names of the others in the class); returns the name.
            Nothing leaves this machine unless the function sends it.
        n_texts : int, default 8
            Texts given.
        """
        rows = self._needs_rows("the texts to name categories by")
        frame = self.categories()
        for category, entry in frame.iterrows():
            inside = frame[frame["parent"] == entry["parent"]]
            central = self.central(category, n_texts)
            description = {
                "parent": entry["parent"],
                "words": entry["name"],
                "texts": [rows.texts[row] for row in central],
                "siblings": inside["name"].drop(category).tolist(),
            }
            self.rename(category, namer(description))
        return self

    def merge(self, categories: Iterable[int], name: str | None = None) -> int:
        """Make one category of several of the same coarse class; return its id, a new one.

        Parameters
        ----------
        categories : iterable of int
            At least two.
        name : str, optional
            By default made from the texts, or from the old names where the texts are not at hand.
        """
        categories = list(dict.fromkeys(int(c) for c in categories))
        self._check_categories(categories)
        parents = {self._category_parents()[c] for c in categories}
        if len(categories) < 2 or len(parents) > 1:
            raise ValueError(
                f"categories {categories} cannot be merged, expected two or more of the same "
                "coarse class: each category belongs to one"
            )
        into = self._next_id()
        old = " / ".join(self.names_.pop(c) for c in categories)
        self._apply(Merge(tuple(categories), into))
        self.names_ |= {into: old} if self._rows is None else self._names([into])
        return into if name is None else self._named(into, name)

    def split(self, category: int, parts: int = 2) -> list[int]:
        """Cut a category into parts by k-means on its texts; return their ids, new ones.

        Raises
        ------
        ValueError
            If there is no such category, it has fewer distinct texts than parts, or the model was
            loaded from disk: a saved model keeps no texts, so split before you save.
        """
        rows = self._needs_rows("the texts to split")
        self._check_categories([category])
        features = np.unique(rows.features[self.labels_ == category], axis=0)
        if not 2 <= parts <= len(features):
            raise ValueError(
                f"category {category} cannot be split into {parts} parts: expected 2 to "
                f"{len(features)}, the number of its distinct texts"
            )
        found = kmeans(features, parts, n_init=self.n_init, seed=self.seed)
        ids = list(range(self._next_id(), self._next_id() + parts))
        del self.names_[int(category)]
        self._apply(Cut(int(category), tuple(ids), found.centers.astype(np.float32)))
        self.names_ |= self._names(ids)
        return ids

    # --- looking ---

    def central(self, category: int, n: int = 5) -> np.ndarray:
        """Return the fitted rows nearest to a category's center, distinct, the nearest first."""
        rows, order = self._by_distance(category)
        return _distinct_rows(rows.texts, order)[:n]

    def borderline(self, category: int, n: int = 3) -> np.ndarray:
        """Return the fitted rows of a category that could nearly lie in another, worst first."""
        rows = self._needs_rows("texts on the border")
        inside = np.flatnonzero(self.labels_ == category)
        order = inside[np.argsort(self._fitted_confidence()[inside], kind="stable")]
        return _distinct_rows(rows.texts, order)[:n]

    def fitted_texts(self) -> list[str]:
        """Return the cleaned texts of the fitted rows."""
        return self._needs_rows("its texts").texts

    def fitted_features(self) -> np.ndarray:
        """Return the unit features (n, d) of the fitted rows; zeros without text."""
        return self._needs_rows("its features").features

    def duplicates(self) -> pd.DataFrame:
        """Return fitted rows that say the same as an earlier one: ``row``, ``same_as``."""
        rows = self._needs_rows("duplicates")
        copies = np.flatnonzero((rows.copy_of >= 0) & (rows.copy_of != np.arange(len(rows.texts))))
        return pd.DataFrame({"row": copies, "same_as": rows.copy_of[copies]})

    # --- keeping ---

    def save(self, folder: str | os.PathLike) -> None:
        """Write the model to a folder: JSON and safetensors, no pickle, none of the texts.

        See `dnalib.discovery.saving`.
        """
        from dnalib.discovery.saving import save

        self._check_fitted()
        save(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> FineCategoryDiscovery:
        """Read a model that `save` wrote; it gives the same labels.

        Raises
        ------
        FileNotFoundError
            If there is no model in the folder.
        ValueError
            If a file there is damaged, or the encoder it was trained from is another one.
        """
        from dnalib.discovery.saving import load

        return load(cls, folder)

    # --- parts of fit ---

    def _chosen(self, rows: Rows) -> np.ndarray:
        """Return the distinct rows to learn from: all, or a draw in proportion to the classes."""
        if self.max_rows < 2 * len(rows.parents):
            raise ValueError(
                f"max_rows is {self.max_rows}, expected at least two for each of the "
                f"{len(rows.parents)} coarse classes"
            )
        if len(rows.distinct) <= self.max_rows:
            return rows.distinct
        rng = np.random.default_rng(self.seed)
        share = self.max_rows / len(rows.distinct)
        drawn = []
        for parent in range(len(rows.parents)):
            inside = rows.distinct[rows.coarse[rows.distinct] == parent]
            drawn.append(rng.permutation(inside)[: max(1, int(share * len(inside)))])
        return np.sort(np.concatenate(drawn))

    def _train(self, dataset: CoarseDataset, method: str, n_fine: int | None = None):
        n = len(dataset.train)
        settings = {} if method == "embeddings" else dict(self.settings or {})
        if n_fine is not None:
            settings.setdefault("k", max(1, min(round(n / n_fine), n - 1)))
            settings.setdefault("epochs", self.epochs or _epochs(n, settings.get("batch_size", 64)))
        return run(
            dataset,
            method,
            seed=self.seed,
            encoder=self.encoder,
            max_length=self.max_length,
            progress=self.progress,
            **settings,
        )

    def _keep_encoder(self, encoder) -> None:
        self.encoder_ = encoder.eval()
        self.encoder_digest_ = encoder.digest
        encoder.digest = ""  # an encoder without a digest leaves no states of new texts on disk

    def _all_features(self, rows: Rows, chosen: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """Return features (n, d) of all rows; copies share those of the row they repeat."""
        features = np.zeros((len(rows), learned.shape[1]), dtype=np.float32)
        features[chosen] = learned
        known = np.zeros(len(rows), dtype=bool)
        known[chosen] = True
        is_copy = (rows.copy_of >= 0) & known[rows.copy_of]
        features[is_copy] = features[rows.copy_of[is_copy]]
        others = np.flatnonzero(~is_copy)
        features[others] = self._features([rows.texts[row] for row in others])
        return features

    def _numbers(
        self,
        features: np.ndarray,
        coarse: np.ndarray,
        wanted: int | dict[int, int],
        rule: str = "communities",
    ) -> dict[int, int]:
        """Return categories of each class: as wanted, estimated on `features` where not said."""
        self._estimates: dict[int, NumberEstimate] = {}
        if isinstance(wanted, int):
            classes, sizes = np.unique(coarse, return_counts=True)
            return share_out(wanted, dict(zip(classes.tolist(), sizes.tolist(), strict=True)))
        numbers = dict(wanted)
        for parent in np.unique(coarse).tolist():
            if parent not in wanted:
                inside = features[coarse == parent]
                self._estimates[parent] = estimate_n_clusters(
                    inside, rule=rule, seed=self.seed
                )
                numbers[parent] = min(self._estimates[parent].estimate, len(inside))
        return numbers

    def _judge(
        self,
        features: np.ndarray,
        embeddings: np.ndarray,
        rows: Rows,
        chosen: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        """Measure how far the categories can be trusted."""
        coarse = rows.coarse[chosen]
        stable = quality.stability(features, coarse, labels, seed=self.seed)
        apart = quality.separation(features, labels, coarse)
        categories = range(len(self.centers_))
        self.stability_ = {c: float(stable.agreement[labels == c].mean()) for c in categories}
        self.separation_ = {c: float(apart[labels == c].mean()) for c in categories}
        self.stability_ari_ = stable.ari
        scores = self._scores(features, coarse)
        self.temperature_ = quality.temperature(scores, labels, float(stable.agreement.mean()))
        suspicious = quality.suspicious_labels(embeddings, coarse, rows.parents, seed=self.seed)
        suspicious = suspicious[suspicious["certainty"] >= SUSPICIOUS]
        suspicious.insert(0, "row", chosen[suspicious.pop("position").to_numpy(dtype=np.int64)])
        self.suspicious_ = suspicious

    def _notes(self, rows: Rows, wanted: int | dict) -> list[str]:
        """Return what a person should know about the table."""
        n, learned = len(rows), len(rows.distinct)
        counts = {
            f"{int((~rows.has_text).sum())} of {n} rows hold no text: they have the category -1.": (
                ~rows.has_text
            ).any(),
            f"{int((rows.coarse < 0).sum())} of {n} rows have no coarse label: theirs is "
            "predicted.": (rows.coarse < 0).any(),
            f"{int((rows.copy_of >= 0).sum()) - learned} rows say the same as another one of "
            "their class: each text was learned from once.": (rows.copy_of >= 0).sum() > learned,
            f"{learned} distinct texts are more than max_rows={self.max_rows}: that many were "
            "learned from, the others went to the nearest category of their class.": learned
            > self.max_rows,
        }
        notes = [note for note, holds in counts.items() if holds]
        single = [
            name
            for position, name in enumerate(rows.parents)
            if (rows.coarse[rows.distinct] == position).sum() == 1
        ]
        if single:
            notes.append(f"Coarse classes of a single text: {', '.join(single)}.")
        if len(self.centers_) < _asked(self.n_fine):
            notes.append(
                f"{_asked(self.n_fine)} categories were asked for but there are only {learned} "
                f"distinct texts, a class never gets more than its own: {len(self.centers_)} it is."
            )
        return notes

    # --- parts of everything else ---

    def _check_fitted(self) -> None:
        if not hasattr(self, "centers_"):
            raise NotFittedError("the model is not fitted yet: call fit(texts, coarse) first")

    def _needs_rows(self, purpose: str) -> Learned:
        self._check_fitted()
        if self._rows is None:
            raise ValueError(
                f"this model was loaded from disk, where no texts are kept, and has not {purpose}: "
                "do it before saving, or fit again"
            )
        return self._rows

    def _new(self, texts: Iterable[str], coarse: Iterable | None) -> tuple[list[str], np.ndarray]:
        """Return new texts cleaned, and their coarse ids (n,), -1 where not known."""
        self._check_fitted()
        cleaned = clean_all(texts)
        if coarse is None:
            return cleaned, np.full(len(cleaned), -1, dtype=np.int64)
        labels = plain_labels(coarse)
        check_lengths(cleaned, labels)
        position = {name: index for index, name in enumerate(self.parent_names_)}
        unknown = next((x for x in labels if x is not None and x not in position), None)
        if unknown is not None:
            raise ValueError(
                f"coarse label {unknown!r} is unknown to the model, expected one of "
                f"{', '.join(self.parent_names_)}, or None to have it predicted"
            )
        return cleaned, np.array([position.get(x, -1) for x in labels], dtype=np.int64)

    def _features(self, texts: list[str]) -> np.ndarray:
        """Return unit features (n, d), computed in chunks; zeros for ``""``."""
        features = np.zeros((len(texts), self.encoder_.dim), dtype=np.float32)
        present = np.flatnonzero([bool(text) for text in texts])
        show = self.progress and len(present) > CHUNK
        with progress_bar(len(present), "features", "text", show=show) as bar:
            for start in range(0, len(present), CHUNK):
                rows = present[start : start + CHUNK]
                store = self.encoder_.prepare([texts[row] for row in rows], progress=False)
                features[rows] = encode(self.encoder_, store).numpy()
                bar.update(len(rows))
        return features

    def _scores(self, features: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return the closeness to every center (n, K), -inf where the given class forbids it."""
        scores = closeness(features, self.centers_)
        forbidden = (given >= 0)[:, None] & (self.center_parents_[None] != given[:, None])
        return np.where(forbidden, -np.inf, scores)

    def _leaves(
        self, features: np.ndarray, given: np.ndarray, has_text: np.ndarray
    ) -> np.ndarray:
        """Return the nearest center of each row, (n,) int64; -1 without text."""
        leaves = np.full(len(features), NO_TEXT, dtype=np.int64)
        for start in range(0, len(features), CHUNK):
            part = slice(start, start + CHUNK)
            leaves[part] = self._scores(features[part], given[part]).argmax(axis=1)
        leaves[~has_text] = NO_TEXT
        return leaves

    def _sorted(self, texts, coarse) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features (n, d), nearest centers (n,) and given classes (n,) of new texts."""
        cleaned, given = self._new(texts, coarse)
        features = self._features(cleaned)
        has_text = np.array([bool(text) for text in cleaned])
        return features, self._leaves(features, given, has_text), given

    def _probabilities(
        self, features: np.ndarray, leaves: np.ndarray, given: np.ndarray
    ) -> np.ndarray:
        raw = softmax(self._scores(features, given) / self.temperature_)
        by_id = dict(enumerate(raw.T))
        by_id = replay_probabilities(self.edits_, by_id, features, self.temperature_)
        ids = self._category_ids()
        probabilities = np.stack([by_id[c] for c in ids], axis=1)
        sizes = np.array([self.sizes_.get(c, 0) for c in ids], dtype=float)
        probabilities[leaves == NO_TEXT] = sizes / sizes.sum()
        return probabilities

    def _table(
        self, features: np.ndarray, leaves: np.ndarray, given: np.ndarray
    ) -> pd.DataFrame:
        labels = replay(self.edits_, leaves, features)
        ids = self._category_ids()
        column = {c: i for i, c in enumerate(ids)}
        confidence = np.full(len(labels), np.nan)
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            held = self._probabilities(features[part], leaves[part], given[part])
            confidence[part] = [
                held[i, column[c]] if c in column else np.nan for i, c in enumerate(labels[part])
            ]
        parents = self._category_parents()
        known = [parents.get(c, g) for c, g in zip(labels.tolist(), given.tolist(), strict=True)]
        return pd.DataFrame(
            {
                "row": np.arange(len(labels)),
                "parent": [self.parent_names_[p] if p >= 0 else "" for p in known],
                "category": labels,
                "name": [self.names_.get(c, "") for c in labels.tolist()],
                "confidence": confidence,
            }
        )

    def _fitted_confidence(self) -> np.ndarray:
        return self.fitted_table()["confidence"].to_numpy()

    def _count(self) -> None:
        ids, counts = np.unique(self.labels_[self.labels_ >= 0], return_counts=True)
        self.sizes_ = dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def _category_parents(self) -> dict[int, int]:
        return replay_parents(self.edits_, dict(enumerate(self.center_parents_.tolist())))

    def _category_ids(self) -> list[int]:
        """Return the ids that are left, those of one class together."""
        parents = self._category_parents()
        return sorted(parents, key=lambda c: (parents[c], c))

    def _judged(self, values: dict[int, float], category: int) -> float:
        return values.get(category, float("nan"))

    def _check_categories(self, categories: Iterable[int]) -> None:
        self._check_fitted()
        existing = self._category_ids()
        for category in categories:
            if category not in existing:
                raise ValueError(
                    f"there is no category {category!r}, expected one of {existing}"
                )

    def _next_id(self) -> int:
        made = [e.into for e in self.edits_ if isinstance(e, Merge)]
        made += [part for e in self.edits_ if isinstance(e, Cut) for part in e.parts]
        return max([len(self.centers_) - 1, *made]) + 1

    def _apply(self, edit: Edit) -> None:
        """Remember an edit that moves texts, and move them."""
        self.edits_.append(edit)
        if self._rows is not None:
            self.labels_ = replay(self.edits_, self._rows.leaves, self._rows.features)
        else:
            self.labels_ = replay([edit], self.labels_, np.empty((len(self.labels_), 0)))
        self._count()

    def _named(self, category: int, name: str) -> int:
        self.rename(category, name)
        return category

    def _names(self, ids: Iterable[int]) -> dict[int, str]:
        """Return names by words of the given categories, no two in a class the same."""
        rows = self._needs_rows("the texts to name categories by")
        labels = np.where(rows.copy_of == np.arange(len(rows.texts)), self.labels_, -1)
        every = self._category_ids()
        position = {c: i for i, c in enumerate(every)}
        compact = np.array([position.get(c, -1) for c in labels.tolist()])
        words = name_clusters(rows.texts, compact, rows.parents)
        words += ["(empty)"] * (len(every) - len(words))
        names: dict[int, str] = {}
        taken = {self.names_[c] for c in every if c in getattr(self, "names_", {}) and c not in ids}
        for category in ids:
            name, number = words[position[category]], 2
            while name in taken:
                name, number = f"{words[position[category]]} ({number})", number + 1
            taken.add(name)
            names[category] = name
        return names

    def _edges(self) -> np.ndarray:
        """Return the closeness that all but a small share of each category's texts reach, (K,)."""
        rows = self._rows
        own = self._own_closeness(rows.features, rows.leaves)
        inside = [own[rows.leaves == c] for c in range(len(self.centers_))]
        return np.array([np.quantile(v, OUTLYING) if len(v) else np.inf for v in inside])

    def _own_closeness(self, features: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        centers = self.centers_[leaves]
        return (features * centers).sum(axis=1) - 0.5 * (centers**2).sum(axis=1)

    def _is_far(self, features: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        return (leaves >= 0) & (self._own_closeness(features, leaves) < self.edges_[leaves])

    def _by_distance(self, category: int) -> tuple[Learned, np.ndarray]:
        rows = self._needs_rows("central texts")
        self._check_categories([category])
        inside = np.flatnonzero(self.labels_ == category)
        center = rows.features[inside].mean(axis=0, keepdims=True)
        order = np.argsort(-closeness(rows.features[inside], center)[:, 0], kind="stable")
        return rows, inside[order]


def _epochs(n: int, batch_size: int) -> int:
    steps = -(-n // batch_size)
    return min(max(8, -(-FEWEST_STEPS // steps)), MOST_EPOCHS)


def _as_dataset(rows: Rows, chosen: np.ndarray, n_fine: int | None = None) -> CoarseDataset:
    """Return the rows to learn from as a dataset; nothing is held out, for nothing is scored.

    Methods that need to know the number of fine categories read it off the names.
    """
    train = Split([rows.texts[row] for row in chosen], rows.coarse[chosen])
    one = Split(train.inputs[:1], train.coarse[:1])
    numbered = None if n_fine is None else tuple(map(str, range(n_fine)))
    return CoarseDataset("table", "text", train, one, rows.parents, numbered, {})


def _wanted_numbers(n_fine: object, rows: Rows) -> int | dict[int, int]:
    """Return the number in all, or of each class for which one was given, within what is there."""
    sizes = np.bincount(rows.coarse[rows.distinct], minlength=len(rows.parents))
    if isinstance(n_fine, str) and n_fine == "auto":
        return {}
    if isinstance(n_fine, int | np.integer) and not isinstance(n_fine, bool):
        if n_fine < len(sizes):
            raise ValueError(
                f"n_fine is {n_fine} but there are {len(sizes)} coarse classes, expected at least "
                "one category for each"
            )
        return int(min(n_fine, sizes.sum()))
    if isinstance(n_fine, Mapping):
        return _numbers_by_label(n_fine, rows.parents, sizes)
    raise ValueError(
        f"n_fine is {n_fine!r}, expected a number, a mapping from coarse label to number, or 'auto'"
    )


def _numbers_by_label(
    n_fine: Mapping, parents: tuple[str, ...], sizes: np.ndarray
) -> dict[int, int]:
    numbers = {}
    for label, number in n_fine.items():
        if str(label).strip() not in parents:
            raise ValueError(
                f"n_fine names the coarse label {label!r}, expected some of: {', '.join(parents)}"
            )
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
            raise ValueError(
                f"n_fine asks for {number!r} categories of {label!r}, expected a number from 1 up"
            )
        position = parents.index(str(label).strip())
        numbers[position] = int(min(number, sizes[position]))
    return numbers


def _as_estimate(
    numbers: dict[int, int],
    wanted: int | dict[int, int],
    parent: int,
    estimates: dict[int, NumberEstimate],
) -> NumberEstimate:
    number = numbers[parent]
    return estimates.get(parent, NumberEstimate(number, number, number))


def _asked(n_fine: object) -> int:
    """Return the categories asked for in all, 0 where it was left open."""
    if isinstance(n_fine, Mapping):
        return sum(n_fine.values())
    return 0 if isinstance(n_fine, str) else int(n_fine)


def _distinct_rows(texts: list[str], order: np.ndarray) -> np.ndarray:
    """Return the first row of each text, in the order given."""
    first: dict[str, int] = {}
    for row in order.tolist():
        first.setdefault(texts[row].casefold(), row)
    return np.array(list(first.values()), dtype=np.int64)
