"""How many categories a coarse label holds: rules against the truth, on five sets.

``python -m dnalib study n-fine``. Features are those that `FineCategoryDiscovery` counts on:
embeddings as they come, and those of its last training by DNA; of the images, pixels and features
trained by DNA. The truth of a coarse label is the number of its fine labels that hold at least
`SMALLEST` of its rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from dnalib import datasets, methods
from dnalib.clustering import NumberEstimate, estimate_n_clusters, usual_rules
from dnalib.discovery import FineCategoryDiscovery
from dnalib.encoders import embed
from dnalib.studies.study import RESULTS, Study

TICKETS = "support_tickets"
TICKETS_TABLE = RESULTS.parent / "examples" / "support_tickets.csv"
SMALLEST = 0.005
MOST_ROWS = 1000
"""Of a coarse label: `estimate_n_clusters` looks at no more."""
OURS = ("communities", "silhouette")
RULES = (*OURS, "middle of both", "largest silhouette", "agreeing halves", "elbow", "dropping")
FEATURES = ("embeddings", "dna")


def measure(dataset: str, seed: int, asked: Sequence[str]) -> Iterator[dict]:
    """Yield a row for each kind of features and rule.

    Returns
    -------
    iterator of dict
        ``method`` (features and rule), ``true`` and ``estimate`` (categories in all),
        ``mean_abs_log2`` and ``bias_log2`` (error of a coarse label in doublings: 1 is a factor of
        two), ``interval_covers`` (share of the coarse labels whose interval holds the truth) and
        ``cpu_seconds``, both of our own rules only.
    """
    labels, features = _digits(seed) if dataset == "digits" else _texts(dataset, seed)
    parents = [np.flatnonzero(labels["coarse"] == p) for p in labels["coarse"].unique()]
    true = np.array([true_number(labels["fine"].iloc[rows]) for rows in parents])
    for kind, matrix in features.items():
        for row in compare([matrix[rows] for rows in parents], true, seed):
            name = f"{kind}, {row.pop('rule')}"
            if name in asked:
                yield {"method": name} | row


def compare(parents: list[np.ndarray], true: np.ndarray, seed: int) -> Iterator[dict]:
    """Yield a row a rule: its numbers for parents' features (n, d) against the true ones (P,)."""
    numbers: dict[str, np.ndarray] = {}
    extra: dict[str, dict] = {}
    for rule in OURS:
        started = time.process_time()
        found = [estimate_n_clusters(rows, rule=rule, seed=seed) for rows in parents]
        numbers[rule] = np.array([number.estimate for number in found])
        extra[rule] = {
            "interval_covers": _covered(found, true),
            "cpu_seconds": time.process_time() - started,
        }
    numbers["middle of both"] = np.sqrt(numbers["communities"] * numbers["silhouette"]).round()
    others = [usual_rules(rows, seed=seed) for rows in parents]
    numbers |= {name: np.array([said[name] for said in others]) for name in others[0]}
    for rule, estimates in numbers.items():
        errors = np.log2(estimates / true)
        yield {
            "rule": rule,
            "true": int(true.sum()),
            "estimate": int(estimates.sum()),
            "mean_abs_log2": np.abs(errors).mean(),
            "bias_log2": errors.mean(),
            **extra.get(rule, {}),
        }


def true_number(fine: pd.Series) -> int:
    """Return the number of fine labels that hold at least `SMALLEST` of the rows, and two rows."""
    counts = fine.value_counts()
    return int((counts >= max(2, SMALLEST * len(fine))).sum())


def _covered(found: list[NumberEstimate], true: np.ndarray) -> float:
    inside = [n.low <= t <= n.high for n, t in zip(found, true, strict=True)]
    return float(np.mean(inside))


def _texts(dataset: str, seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows with coarse and fine labels, and their features before and after training."""
    frame = _tickets() if dataset == TICKETS else datasets.load(dataset).frame()
    model = FineCategoryDiscovery(method="dna", seed=seed).fit(frame["text"], frame["coarse"])
    frame = frame.sample(frac=1, random_state=seed).groupby("coarse").head(MOST_ROWS)
    texts = frame["text"].tolist()
    return frame, {"embeddings": embed(texts), "dna": model.transform(texts)}


def _tickets() -> pd.DataFrame:
    """Return the example table with the columns of a dataset, its wrong departments included."""
    columns = {"message": "text", "department": "coarse", "topic": "fine"}
    return pd.read_csv(TICKETS_TABLE).rename(columns=columns)


def _digits(seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return the labels of the images, their pixels as unit rows and their trained features.

    The number of neighbors is the mean size of a category as counted on the pixels, since by
    default it would be that of the true categories.
    """
    digits = datasets.load("digits")
    pixels = digits.train.inputs.reshape(len(digits.train), -1)
    pixels = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    coarse = digits.train.coarse
    parents = [pixels[coarse == parent] for parent in np.unique(coarse)]
    counted = sum(estimate_n_clusters(rows, seed=seed).estimate for rows in parents)
    k = round(len(pixels) / counted)
    trained = methods.run(digits, "dna", seed=seed, k=k, progress=False).train_features
    labels = pd.DataFrame({"coarse": coarse, "fine": digits.train.fine})
    return labels, {"embeddings": pixels, "dna": trained}


STUDY = Study(
    "n_fine.csv",
    (TICKETS, "digits", "pydocs", "hwu64", "clinc150"),
    tuple(f"{kind}, {rule}" for kind in FEATURES for rule in RULES),
    measure,
    main=("true", "estimate", "mean_abs_log2"),
    seeds=(0,),
)
