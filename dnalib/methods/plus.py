"""DNA+: a recipe of this project; section 8 of notebook 06 measures its ingredients one by one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dnalib.clustering import cluster_within
from dnalib.methods.down import DOWNObjective
from dnalib.neighbors import NeighborGraph
from dnalib.training import Step, Task, TrainingConfig

CENTER_TEMPERATURE = 0.1
"""Of the softmax over centers: above that over texts, since centers lie closer together."""

STARTS = 4
"""k-means starts where a class is too large for Ward's method."""


class DNAPlusObjective(DOWNObjective):
    """DNA's filters, DOWN's weights by rank, and in the second half of the epochs also centers.

    Ranks are places in the list as retrieved, so that a filter leaves gaps and moves nobody up.
    Before each epoch of the second half, those of pretraining left out, the bank is clustered
    inside every coarse class, whose share of the ``n_clusters`` is that of its texts; then each
    text's own center is its positive among all centers, as in prototypical contrastive learning.
    Neighbors say what is alike nearby; centers are meant to add what belongs together at the other
    end of a category, where no neighbor list reaches. On HWU64 they are worth about as much as
    twice the epochs, on CLINC150 less, and on neither anything beside them; on pydocs they may be
    (results/variations).

    References
    ----------
    Li et al., Prototypical Contrastive Learning of Unsupervised Representations, ICLR 2021, for
    the term; that clusters never cross a coarse class, and start from Ward's, is ours.
    """

    term = "neighbors"

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        self.n_clusters = task.require_clusters()
        if not task.n_coarse <= self.n_clusters <= task.n:
            raise ValueError(
                f"n_clusters is {self.n_clusters} for {task.n} texts in {task.n_coarse} coarse "
                "classes: expected at least one category in each, for centers are found inside "
                "them, and no more than there are texts"
            )
        self.seed = task.seed
        self._centers: Tensor | None = None
        self._own: Tensor | None = None

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> NeighborGraph:
        """Retrieve and filter neighbors; in the second half, after pretraining, also cluster."""
        if 2 * epoch >= self.config.epochs and epoch >= self.config.pretrain_epochs:
            seed = self.seed + epoch  # draws only where a class is too large for Ward's method
            found = cluster_within(
                bank, coarse, self.n_clusters, n_init=STARTS, seed=seed, start="auto"
            )
            device = self.head[-1].weight.device
            centers = torch.from_numpy(found.centers).to(device, torch.float32)
            self._centers = F.normalize(centers)
            self._own = torch.from_numpy(found.labels).to(device)
        return super().mine(bank, coarse, epoch)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms of the neighbors, ``ce``, and ``centers`` once there are any."""
        terms = super().forward(step)
        if self._centers is not None:
            logits = step.queries @ self._centers.T / CENTER_TEMPERATURE
            terms["centers"] = F.cross_entropy(logits, self._own[step.indices])
        return terms
