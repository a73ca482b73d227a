"""Whole sets of texts to unit features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.encoders.loading import load_encoder
from dnalib.encoders.store import Store, length_buckets

FEATURE_BATCH = 256


@torch.no_grad()
def encode(encoder: nn.Module, store: Store, *, part: slice = slice(None)) -> Tensor:
    """Return unit features ``(n, dim)`` of all inputs in ``store``, in evaluation mode.

    Batches hold inputs of similar length, so that hardly anything is spent on padding. With
    ``part`` only these batches are encoded, and the rows of all others are zero.
    """
    was_training = encoder.training
    encoder.eval()
    features = torch.zeros(len(store), encoder.dim)
    for indices in length_buckets(store.lengths, FEATURE_BATCH)[part]:
        features[indices] = normalize(encoder(store.batch(indices))).cpu()
    encoder.train(was_training)
    return features


def usual_device() -> str:
    """Return where encoders run: on the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def embed(
    texts: Sequence[str], encoder: str = "minilm", *, max_length: int = 64, progress: bool = True
) -> np.ndarray:
    """Return the unit embeddings ``(n, dim)`` of ``texts`` by an encoder as it comes, untrained.

    States are cached on disk by content, so a second call with the same texts costs little.

    Examples
    --------
    >>> embed(["a cat", "a dog"], progress=False).shape
    (2, 384)
    """
    frozen = load_encoder(encoder, trainable_layers=2, max_length=max_length).to(usual_device())
    return encode(frozen, frozen.prepare(texts, progress)).numpy()
