"""Unit features of any number of texts, in chunks, so that memory does not grow with them."""

from __future__ import annotations

import numpy as np
from torch import nn

from dnalib.discovery.learning import Learned
from dnalib.discovery.texts import Rows
from dnalib.encoders import encode
from dnalib.progress import progress_bar

CHUNK = 4096
"""Texts encoded at a time."""


def features_of(encoder: nn.Module, texts: list[str], *, progress: bool) -> np.ndarray:
    """Return unit features (n, d) of cleaned texts; zeros for ``""``."""
    features = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    present = np.flatnonzero([bool(text) for text in texts])
    show = progress and len(present) > CHUNK
    with progress_bar(len(present), "features", "text", show=show) as bar:
        for start in range(0, len(present), CHUNK):
            rows = present[start : start + CHUNK]
            store = encoder.prepare([texts[row] for row in rows], progress=False)
            features[rows] = encode(encoder, store).numpy()
            bar.update(len(rows))
    return features


def features_of_all(
    encoder: nn.Module, rows: Rows, learned: Learned, *, progress: bool
) -> np.ndarray:
    """Return features (n, d) of all rows; copies share those of the row that they repeat."""
    features = np.zeros((len(rows), learned.features.shape[1]), dtype=np.float32)
    features[learned.chosen] = learned.features
    first = np.where(rows.copy_of >= 0, rows.copy_of, np.arange(len(rows)))
    others = np.setdiff1d(first, learned.chosen)
    features[others] = features_of(encoder, [rows.texts[row] for row in others], progress=progress)
    return features[first]
