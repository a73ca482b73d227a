"""DNA: coarse cross-entropy, and contrast towards denoised neighborhoods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dnalib.losses import DNALoss
from dnalib.neighbors import NeighborGraph, build_graph, released_positives
from dnalib.training import CoarseCrossEntropy, Step, Task, TrainingConfig

ALL_KEYS_UP_TO = 200_000
"""Texts up to which every key counts in the denominator; more are sampled."""

SAMPLED_KEYS = 16_384
"""Keys that stand for all others in each batch of a larger bank."""


class DNAObjective(CoarseCrossEntropy):
    """``L_DNA + L_CE`` over neighbors mined before each epoch (An et al., EMNLP 2023).

    In the first ``config.pretrain_epochs`` epochs the coarse cross-entropy is alone. Of more than
    `ALL_KEYS_UP_TO` texts the denominator is estimated from `SAMPLED_KEYS` keys a batch.
    """

    needs_keys = True
    needs_neighbors = True
    pretrains = True
    has_compat = True
    term = "dna"

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        sampled_keys = SAMPLED_KEYS if task.n > ALL_KEYS_UP_TO else None
        self.contrast = DNALoss(config.temperature, sampled_keys)
        self._positives: np.ndarray | None = None
        self._pretraining = False

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> NeighborGraph:
        """Retrieve and filter this epoch's neighbors."""
        config = self.config
        minings_before = epoch - config.pretrain_epochs
        rank_counts = minings_before < config.rank_epochs
        filters = [name for name in config.filters if name != "rank" or rank_counts]
        graph = build_graph(bank, coarse, config.k, filters, config.m)
        self._pretraining = minings_before < 0
        self._positives = graph.positives()
        return graph

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms ``ce`` and, after pretraining, the one of the neighborhoods."""
        terms = super().forward(step)
        if not self._pretraining:
            terms[self.term] = self._neighborhood_loss(step)
        return terms

    def _neighborhood_loss(self, step: Step) -> Tensor:
        positives = torch.from_numpy(self._positives_of(step)).to(step.queries.device)
        self_index = None if self.config.compat else step.indices
        return self.contrast(step.queries, step.bank, positives, self_index)

    def _positives_of(self, step: Step) -> np.ndarray:
        texts = step.indices.cpu().numpy()
        if self.config.compat is True:
            return released_positives(step.graph, texts)
        if self.config.compat == "self":
            return np.column_stack([texts, self._positives[texts]])
        return self._positives[texts]
