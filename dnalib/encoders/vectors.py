"""Vectors that somebody already has, with a small trainable adapter on top."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dnalib.encoders.store import Batch, VectorStore


class VectorEncoder(nn.Module):
    """Residual adapter over given vectors: ``x + W2 gelu(W1 x)``, the identity at the start.

    Parameters
    ----------
    dim : int
        Length of the given vectors, and of the features.
    hidden : int, default 512
        Width of the adapter; more of it bends the space more.
    seed : int, default 0
        Seeds the first layer.
    """

    def __init__(self, dim: int, hidden: int = 512, seed: int = 0):
        super().__init__()
        self.dim = dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.adapter = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        nn.init.zeros_(self.adapter[2].weight)
        nn.init.zeros_(self.adapter[2].bias)

    def prepare(self, inputs: np.ndarray, progress: bool = True) -> VectorStore:
        """Check ``inputs`` and keep them in float32: vectors, or images as rows of pixels."""
        inputs = np.array(inputs, dtype=np.float32, order="C")  # a copy: nobody changes it
        if not inputs.size:
            raise ValueError(f"inputs have the shape {inputs.shape}: expected at least one row")
        values = inputs.reshape(len(inputs), -1)
        if values.shape[1] != self.dim:
            raise ValueError(
                f"inputs have the shape {inputs.shape}: expected (n, {self.dim}), or images of "
                f"{self.dim} pixels"
            )
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ValueError(f"vector {row} holds NaN or infinity: remove or mend that row")
        return VectorStore(torch.from_numpy(values))

    def forward(self, batch: Batch) -> Tensor:
        """Return features ``(b, dim)``, not normalized."""
        values = batch.to(self.adapter[0].weight.device).values
        return values + self.adapter(values)
