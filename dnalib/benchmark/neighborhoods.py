"""What the filters do to the neighbors of untrained features."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from dnalib.datasets import CoarseDataset
from dnalib.encoders import encode
from dnalib.methods import get_method, make_encoder, resolve_config
from dnalib.neighbors import FILTERS, build_graph, precision, recall


def measure_neighbors(dataset: CoarseDataset, *, m: int = 5, max_length: int = 64) -> pd.DataFrame:
    """Return precision, recall and kept share of every combination of filters, in percent.

    On the training inputs' features before any training, with the default k.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels.
    m : int, default 5
        Of the rank filter.
    max_length : int, default 64
        Word pieces that are read of a text.
    """
    features = untrained_features(dataset, max_length)
    k = resolve_config(get_method("dna"), dataset, {}).k
    rows = []
    for count in range(len(FILTERS) + 1):
        for filters in combinations(FILTERS, count):
            graph = build_graph(features, dataset.train.coarse, k, filters, m)
            row = {"dataset": dataset.name, "k": k, "filters": "+".join(filters) or "none"}
            row["precision"] = round(100 * precision(graph, dataset.train.fine), 2)
            row["recall"] = round(100 * recall(graph, dataset.train.fine), 2)
            row["kept_share"] = round(100 * graph.kept_share, 2)
            rows.append(row)
    return pd.DataFrame(rows)


def untrained_features(dataset: CoarseDataset, max_length: int) -> np.ndarray:
    """Return unit features ``(n, d)`` of the training inputs, texts or images, as they come."""
    encoder = make_encoder(dataset, "minilm", max_length=max_length)
    return encode(encoder, encoder.prepare(dataset.train.inputs)).numpy()
