"""DOWN: DNA whose neighbors are weighted by rank instead of filtered."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dnalib.losses import rank_weights
from dnalib.methods.dna import DNAObjective
from dnalib.neighbors import NeighborGraph
from dnalib.training import Step


class DOWNObjective(DNAObjective):
    """``L_DOWN + L_CE``: the text itself is the positive of rank 0, the k-th neighbor of rank k.

    The base of the weights falls over four equal parts of the epochs after pretraining, so that
    far neighbors count for more the better the features are. The released code has five epochs a
    part and fails after the twentieth.
    """

    has_compat = False  # the text itself is a positive by design
    term = "down"
    bases = (150.0, 10.0, 5.0, 2.0)

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> NeighborGraph:
        """Retrieve this epoch's neighbors and set the weights of their ranks."""
        graph = super().mine(bank, coarse, epoch)
        self._weights = rank_weights(graph.k, self._base(epoch))
        return graph

    def _base(self, epoch: int) -> float:
        pretraining = self.config.pretrain_epochs
        parts = len(self.bases)
        part = parts * (epoch - pretraining) // max(1, self.config.epochs - pretraining)
        return self.bases[max(0, part)]

    def _neighborhood_loss(self, step: Step) -> Tensor:
        positives, weights = self._ranked(step)
        return self.contrast(step.queries, step.bank, positives, weights=weights)

    def _ranked(self, step: Step) -> tuple[Tensor, Tensor]:
        """Return positives by rank ``(b, k + 1)``, the text itself first, and their weights."""
        neighbors = torch.from_numpy(self._positives[step.indices.cpu().numpy()])
        positives = torch.cat([step.indices[:, None], neighbors.to(step.indices.device)], dim=1)
        return positives, self._weights.to(step.queries)
