"""STAR-DOWN: DOWN whose contrast also weighs every key by the divergence of Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from dnalib.losses import GaussianHead, STARLoss
from dnalib.methods.down import DOWNObjective
from dnalib.training import Step, Task, TrainingConfig


class STARObjective(DOWNObjective):
    """``L_STAR + L_CE`` with DOWN's weights, their base in five parts.

    One head gives the Gaussians of queries and, without gradients, of the bank: of every text at
    every step, however many there are, for the divergence has no estimate from sampled keys here.
    """

    term = "star"
    bases = (150.0, 10.0, 5.0, 2.0, 2.0)

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        self.gaussians = GaussianHead(task.dim)
        self.contrast = STARLoss(config.temperature)

    def _neighborhood_loss(self, step: Step) -> Tensor:
        positives, weights = self._ranked(step)
        with torch.no_grad():
            of_bank = self.gaussians(step.bank)
        of_queries = self.gaussians(step.queries)
        return self.contrast(
            step.queries, step.bank, of_queries, of_bank, positives, weights=weights
        )
