"""`FineCategoryDiscovery`: from texts with coarse labels to named sub-categories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.exceptions import NotFittedError

from dnalib.discovery.by_hand import EditedByHand
from dnalib.discovery.counting import asked_and_found
from dnalib.discovery.edits import Edit
from dnalib.discovery.features import features_of, features_of_all
from dnalib.discovery.fitted import Fitted, fitted_rows
from dnalib.discovery.learning import learn
from dnalib.discovery.notes import table_notes
from dnalib.discovery.quality import Quality, judge
from dnalib.discovery.sorting import NO_TEXT, OUTLYING, Sorter
from dnalib.discovery.texts import Rows, clean_all, has_text, prepare, prepare_new


class FineCategoryDiscovery(EditedByHand, ClusterMixin, TransformerMixin, BaseEstimator):
    """Discover fine categories inside coarse ones, name them, and sort new texts into them.

    Texts are encoded, the encoder is trained with the coarse labels by one of `dnalib.methods`, and
    the texts of each coarse class are clustered apart from the others: every category belongs to
    one coarse class by construction. Where the number of categories is left open and training
    finds far fewer or more of them than expected, it trains again, three times at most.

    Parameters
    ----------
    n_fine : int, mapping or "auto", default "auto"
        Categories in all; or those of each coarse label, where a label that is left out is
        estimated; or "auto" to estimate all (`dnalib.clustering.estimate_n_clusters`). Never more
        than there are distinct texts that are learned from and that the encoder tells apart.
    method : str, default "auto"
        "auto" finds the number of categories with DNA and, in tables whose categories hold 25
        texts and more on average, then learns them with DNA+, which takes twice as long as DNA
        does; in smaller ones DNA does both (`dnalib.discovery.learning`). Or a name in
        `dnalib.methods.METHODS`, for all of it; "embeddings" trains nothing and takes seconds.
    encoder : str, default "minilm"
        As in `dnalib.encoders.load_encoder`. For texts that are not English take a multilingual
        one by its Hugging Face name or folder.
    epochs : int or None, default None
        Passes over the texts of each training. None: as many as the method has by itself (DNA 8,
        DNA+ 16), and more (30 at most) where they would be few steps.
    max_length : int, default 64
        Word pieces of a text that are read. More cost proportionally more time and memory.
    max_rows : int, default 20000
        Distinct texts that are trained on and clustered; of more, as many are drawn, in proportion
        to the coarse classes and at least one of each, and the others go to the nearest center in
        their class. It bounds time and memory: training takes both in proportion.
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
    method_ : str
        What the encoder was trained by: `method`, or what "auto" took.
    history_ : DataFrame
        One row an epoch of the last training.
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
        method: str = "auto",
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
        """Discover and name the categories; interrupted, the model is what it was before.

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
        new = type(self)(**self.get_params(deep=False))
        new._learn(prepare(texts, coarse))
        vars(self).update(vars(new))  # in one step: no interrupt leaves half of a model
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
        features, leaves = self._sorted(cleaned, given)
        if self._rows is not None:
            self._rows = self._rows.extended(cleaned, features, given, leaves, self._sorter)
        self.labels_ = np.concatenate([self.labels_, self._sorter.labels(leaves, features)])
        self._count()
        far = self._sorter.is_far(features, leaves, self.edges_)
        n_added = int(has_text(cleaned).sum())
        self.notes_.append(
            f"{int(far.sum())} of {n_added} texts that were added lie farther from every "
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
        features, leaves = self._sorted(*self._new(texts, coarse))
        return self._sorter.labels(leaves, features)

    def predict_proba(self, texts: Iterable[str], coarse: Iterable | None = None) -> np.ndarray:
        """Return the probability of each category, (n, C), in the order of `categories`.

        A softmax of the closeness to the centers, scaled so that the mean probability of the
        categories chosen in `fit` is the share of reclusterings that choose the same: 0.8 means
        that a text would stay where it is in about 80 of 100. Where the coarse label is not given,
        finding it counts as well: the mean is then the share that would be sent to their own
        category without it, and stay there. Rows sum to 1; a text that holds nothing gets each
        category's share of the texts.

        Parameters
        ----------
        texts, coarse
            As in `predict`.
        """
        cleaned, given = self._new(texts, coarse)
        features = features_of(self.encoder_, cleaned, progress=self.progress)
        probabilities = self._sorter.probabilities(features, given, self.temperatures_)
        sizes = np.array([self.sizes_.get(c, 0) for c in self._sorter.ids()], dtype=float)
        probabilities[~has_text(cleaned)] = sizes / sizes.sum()
        return probabilities

    def transform(self, texts: Iterable[str]) -> np.ndarray:
        """Return the unit features (n, d) of texts by the trained encoder; zeros without text."""
        self._check_fitted()
        return features_of(self.encoder_, clean_all(texts), progress=self.progress)

    def table(self, texts: Iterable[str], coarse: Iterable | None = None) -> pd.DataFrame:
        """Return one row a text: ``row, parent, category, name, confidence``.

        Confidence is the probability of the category, see `predict_proba`. Rows without text have
        the category -1 and an empty name.

        Parameters
        ----------
        texts, coarse
            As in `predict`.
        """
        cleaned, given = self._new(texts, coarse)
        features, leaves = self._sorted(cleaned, given)
        return self._table(features, self._sorter.labels(leaves, features), given)

    def fitted_table(self) -> pd.DataFrame:
        """Return `table` of the rows that the model was fitted on, without encoding them again."""
        rows = self._needs_rows("the table of the rows that it was fitted on")
        return self._table(rows.features, self.labels_, rows.coarse)

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
        ids, parents = self._sorter.ids(), self._sorter.parent_of()
        sizes = np.array([self.sizes_.get(c, 0) for c in ids])
        frame = pd.DataFrame(
            {
                "parent": [self.parent_names_[parents[c]] for c in ids],
                "name": [self.names_[c] for c in ids],
                "size": sizes,
                "stability": [self.stability_.get(c, np.nan) for c in ids],
                "separation": [self.separation_.get(c, np.nan) for c in ids],
            },
            index=pd.Index(ids, name="category"),
        )
        within = frame.groupby("parent")["size"].transform("sum")
        frame.insert(3, "share", frame["size"] / np.maximum(within, 1))
        return frame

    # --- looking ---

    def central(self, category: int, n: int = 5) -> np.ndarray:
        """Return the fitted rows nearest to a category's center, distinct, the nearest first."""
        rows = self._needs_rows("central texts")
        self._check_categories([category])
        return rows.without_copies(rows.by_distance(self.labels_, category))[:n]

    def borderline(self, category: int, n: int = 3) -> np.ndarray:
        """Return the fitted rows of a category that could nearly lie in another, worst first."""
        rows = self._needs_rows("texts on the border")
        self._check_categories([category])
        inside = np.flatnonzero(self.labels_ == category)
        confidence = self._sorter.confidence(
            rows.features[inside], rows.coarse[inside], self.labels_[inside], self.temperatures_
        )
        return rows.without_copies(inside[np.argsort(confidence, kind="stable")])[:n]

    def fitted_texts(self) -> list[str]:
        """Return the cleaned texts of the fitted rows."""
        return self._needs_rows("its texts").texts

    def fitted_features(self) -> np.ndarray:
        """Return the unit features (n, d) of the fitted rows; zeros without text."""
        return self._needs_rows("its features").features

    def duplicates(self) -> pd.DataFrame:
        """Return fitted rows that say the same as an earlier one: ``row``, ``same_as``."""
        rows = self._needs_rows("duplicates")
        copies = np.flatnonzero((rows.copy_of >= 0) & ~rows.is_first)
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

    # --- parts of the above ---

    def _learn(self, rows: Rows) -> None:
        """Learn from the rows, and set what `fit` sets, one attribute after the other."""
        learned = learn(self, rows)
        self.parent_names_ = rows.parents
        self.n_fine_ = {rows.parents[parent]: n for parent, n in learned.numbers.items()}
        self.centers_ = learned.clustering.centers.astype(np.float32)
        self.center_parents_ = learned.clustering.parents
        self.edits_: list[Edit] = []
        self.method_ = learned.method
        self.history_ = learned.history
        self._keep_encoder(learned.encoder)
        self._keep_quality(judge(learned, rows.parents, seed=self.seed, progress=self.progress))
        features = features_of_all(self.encoder_, rows, learned, progress=self.progress)
        self._rows = fitted_rows(rows, learned, features, self._sorter)
        self.edges_ = self._sorter.edges(features, self._rows.leaves)
        self.labels_ = self._rows.leaves.copy()
        self._count()
        self.names_: dict[int, str] = {}
        self._name(self._sorter.ids())
        found = {name: number.estimate for name, number in self.n_fine_.items()}
        n_asked, n_found = asked_and_found(self.n_fine, found)
        self.notes_ = table_notes(
            rows,
            most=self.max_rows,
            n_learned=len(learned.chosen),
            n_asked=n_asked,
            n_found=n_found,
        )

    @property
    def _sorter(self) -> Sorter:
        return Sorter(self.centers_, self.center_parents_, self.edits_)

    def _keep_encoder(self, encoder) -> None:
        self.encoder_ = encoder.eval()
        self.encoder_digest_ = encoder.digest
        encoder.digest = ""  # an encoder without a digest leaves no states of new texts on disk

    def _keep_quality(self, quality: Quality) -> None:
        self.stability_ = quality.stability
        self.separation_ = quality.separation
        self.stability_ari_ = quality.stability_ari
        self.temperatures_ = quality.temperatures
        self.suspicious_ = quality.suspicious

    def _check_fitted(self) -> None:
        if not hasattr(self, "centers_"):
            raise NotFittedError("the model is not fitted yet: call fit(texts, coarse) first")

    def _needs_rows(self, purpose: str) -> Fitted:
        self._check_fitted()
        if self._rows is None:
            raise ValueError(
                f"this model was loaded from disk, where no texts are kept, and has not {purpose}: "
                "do it before saving, or fit again"
            )
        return self._rows

    def _new(self, texts: Iterable[str], coarse: Iterable | None) -> tuple[list[str], np.ndarray]:
        """Return new texts cleaned, and their coarse classes (n,), -1 where not known."""
        self._check_fitted()
        return prepare_new(texts, coarse, self.parent_names_)

    def _sorted(self, cleaned: list[str], given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features (n, d) and nearest centers (n,) of new texts of given classes (n,)."""
        features = features_of(self.encoder_, cleaned, progress=self.progress)
        return features, self._sorter.leaves(features, given, has_text(cleaned))

    def _table(self, features: np.ndarray, labels: np.ndarray, given: np.ndarray) -> pd.DataFrame:
        parents = self._sorter.parent_of()
        confidence = self._sorter.confidence(features, given, labels, self.temperatures_)
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

    def _count(self) -> None:
        ids, counts = np.unique(self.labels_[self.labels_ != NO_TEXT], return_counts=True)
        self.sizes_ = dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def _name(self, categories: list[int]) -> None:
        """Name categories by the words of their texts."""
        rows = self._needs_rows("the texts to name categories by")
        self.names_ |= rows.names(self.labels_, self._sorter.ids(), categories, self.names_)
