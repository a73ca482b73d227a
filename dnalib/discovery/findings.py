"""What a person should look at before trusting a model, in sentences and small tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnalib.discovery.counting import as_asked
from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.plots.categories import SHAKY

MIXED = 0.05
"""Separation below which a category is said to be mixed with its neighbors."""


def warnings(model: FineCategoryDiscovery) -> list[str]:
    """Return one sentence for each thing that deserves a look, the table's own first."""
    categories = model.categories()
    found = list(model.notes_)
    n_suspicious = len(suspicious(model, most=len(model.labels_)))
    if n_suspicious:
        found.append(
            f"{n_suspicious} rows look as if they had the wrong coarse label: see the list below."
        )
    for sentence, chosen in (
        (
            "came back in fewer than {limit:.0%} of the reclusterings, so their borders are "
            "arbitrary: consider merging them with a neighbor",
            categories["stability"] < SHAKY,
        ),
        (
            "are hardly nearer to their own center than to the next one: they may mix topics or "
            "belong together with a neighbor",
            categories["separation"] < MIXED,
        ),
    ):
        if chosen.any():
            names = [f"{row.parent}: {row.name_}" for row in _named(categories[chosen])]
            found.append(
                f"{chosen.sum()} of {len(categories)} categories {sentence.format(limit=SHAKY)} "
                f"({'; '.join(names[:4])}{'; …' if len(names) > 4 else ''})."
            )
    return found


def numbers(model: FineCategoryDiscovery) -> pd.DataFrame:
    """Return how many categories each coarse label got, and how sure that is.

    Returns
    -------
    DataFrame
        One row a coarse label: ``parent``, ``rows``, ``categories`` (as they are now, after edits),
        ``taken`` (as discovered), ``low``, ``high`` (where estimated; else the same), ``as_asked``
        (whether ``n_fine`` asked for as many as were taken).
    """
    categories = model.categories()
    now = categories.groupby("parent")["size"].agg(["sum", "size"])
    taken = {name: number.estimate for name, number in model.n_fine_.items()}
    was_asked = as_asked(model.n_fine, taken)
    rows = [
        {
            "parent": name,
            "rows": int(now["sum"].get(name, 0)),
            "categories": int(now["size"].get(name, 0)),
            "taken": number.estimate,
            "low": number.low,
            "high": number.high,
            "as_asked": was_asked[name],
        }
        for name, number in model.n_fine_.items()
    ]
    return pd.DataFrame(rows)


def suspicious(model: FineCategoryDiscovery, most: int = 20) -> pd.DataFrame:
    """Return rows whose coarse label looks wrong, with their texts, the most suspicious first."""
    texts = model.fitted_texts()  # first: a model that was loaded has neither
    shown = model.suspicious_.head(most).copy()
    shown["text"] = [texts[row] for row in shown["row"]]
    return shown


def repeated(model: FineCategoryDiscovery, most: int = 10) -> pd.DataFrame:
    """Return the texts that stand in the table most often: ``text``, ``times``."""
    copies = model.duplicates()["same_as"].to_numpy()
    rows, counts = np.unique(copies, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    texts = model.fitted_texts()
    return pd.DataFrame({"text": [texts[row] for row in rows[order]], "times": counts[order] + 1})


def _named(categories: pd.DataFrame):
    """Yield rows whose column ``name`` is not hidden by the tuple's own."""
    return categories.rename(columns={"name": "name_"}).itertuples()
