"""How far categories depend on the seed of training: train again from other seeds and compare.

The stability that `fit` measures repeats the clustering alone, which takes seconds. Training has
chance in it too: the order of the texts and what each view hides. To see what that changes, the
whole fit is repeated, and each repetition costs what the first one cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from dnalib.clustering import ari
from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.discovery.quality import come_back
from dnalib.discovery.sorting import NO_TEXT


@dataclass(frozen=True, eq=False)
class Retrained:
    """What came of training again.

    Attributes
    ----------
    seeds : DataFrame
        One row a further seed: ``seed``, ``categories`` (how many were found) and ``ari``
        (agreement of the grouping with the model's own: 1 is the same, 0 chance).
    agreement : Series
        For each category of the model (its id), the mean share of its texts that the category
        matched to it (one to one, Hungarian algorithm) holds in the other trainings.
    """

    seeds: pd.DataFrame
    agreement: pd.Series


def retrain(
    model: FineCategoryDiscovery,
    texts: Iterable[str],
    coarse: Iterable,
    *,
    seeds: Sequence[int] | None = None,
) -> Retrained:
    """Fit again from other seeds; see which categories come back. The model is not changed.

    Parameters
    ----------
    model : FineCategoryDiscovery
        Fitted on `texts` and `coarse`, changed by hand or not.
    texts, coarse
        As given to `FineCategoryDiscovery.fit`.
    seeds : sequence of int, optional
        By default the two after the model's own. Each costs as much as the fit of the model.

    Returns
    -------
    Retrained

    Raises
    ------
    ValueError
        If the model was not fitted on as many texts, or there is no seed.

    Examples
    --------
    >>> again = retrain(model, texts, departments, seeds=[1])  # doctest: +SKIP
    >>> again.agreement.sort_values().head()  # doctest: +SKIP
    """
    texts, coarse = list(texts), list(coarse)
    if len(texts) != len(model.labels_):
        raise ValueError(
            f"there are {len(texts)} texts but the model has {len(model.labels_)}: give those that "
            "it was fitted on"
        )
    seeds = (model.seed + 1, model.seed + 2) if seeds is None else list(seeds)
    if not seeds:
        raise ValueError("seeds is empty: expected at least one to train again from")
    used = model.labels_ != NO_TEXT
    own = model.labels_[used]
    rows, agreement = [], np.zeros(len(own))
    for seed in seeds:
        found = clone(model).set_params(seed=seed).fit(texts, coarse).labels_[used]
        agreement += come_back(own, found)
        rows.append({"seed": seed, "categories": len(np.unique(found)), "ari": ari(own, found)})
    by_category = pd.Series(agreement / len(rows)).groupby(own).mean()
    by_category.index.name = "category"
    return Retrained(pd.DataFrame(rows, columns=["seed", "categories", "ari"]), by_category)
