"""DeepCluster and DeepAligned: k-means gives the labels that the next epoch is trained on."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.clustering import Clustering, align, kmeans
from dnalib.training import CoarseCrossEntropy, Objective, Step, Task, TrainingConfig

ROW_RATE = 10.0
"""Multiple of the learning rate for the classifier's rows."""

STARTS = 3
"""k-means starts before each epoch; what one start misses, the next epoch's may find."""


class PseudoLabels(nn.Module):
    """Labels by k-means, and the classifier of unit features that learns them.

    The classifier's logits are cosines over a temperature, and its rows start in the directions
    of the centers: a random linear layer, as in the released codes, has hundreds of epochs to
    settle in, where here an epoch is some hundred steps. They learn at `ROW_RATE` times the rate,
    since the centers that they follow move at once.

    Parameters
    ----------
    task : Task
        With ``n_clusters``.
    temperature : float
    """

    def __init__(self, task: Task, temperature: float):
        super().__init__()
        self.n_clusters = task.require_clusters()
        self.seed = task.seed
        self.temperature = temperature
        self.rows = nn.Parameter(torch.zeros(self.n_clusters, task.dim))
        self.register_buffer("centers", torch.zeros(self.n_clusters, task.dim))
        self.register_buffer("labels", torch.zeros(task.n, dtype=torch.int64), persistent=False)

    def cluster(self, features: np.ndarray, epoch: int) -> Clustering:
        """Return k-means of ``features (n, d)``, seeded by the epoch."""
        return kmeans(features, self.n_clusters, n_init=STARTS, seed=self.seed + epoch)

    @torch.no_grad()
    def take(self, clustering: Clustering) -> None:
        """Make its labels those of all texts, and remember its centers."""
        self.labels.copy_(torch.from_numpy(clustering.labels))
        self.centers.copy_(torch.from_numpy(clustering.centers))

    @torch.no_grad()
    def restart(self) -> None:
        """Turn the classifier's rows to the centers."""
        self.rows.copy_(F.normalize(self.centers))

    def forward(self, queries: Tensor) -> Tensor:
        """Return logits ``(b, n_clusters)`` of unit ``queries (b, d)``."""
        return queries @ F.normalize(self.rows).T / self.temperature


class DeepClusterObjective(Objective):
    """Cross-entropy of pseudo-labels alone; coarse labels are not looked at (Caron et al. 2018).

    Before each epoch the texts are clustered and the classifier starts over. Clusters count
    alike, whatever their size: here by weights, in the paper by sampling. Not as there: the
    classifier (`PseudoLabels`), and features are unit vectors without PCA whitening.
    """

    needs_neighbors = True
    rate_factors = MappingProxyType({"pseudo.rows": ROW_RATE})

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.pseudo = PseudoLabels(task, config.temperature)

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> None:
        """Cluster the texts anew."""
        self.pseudo.take(self.pseudo.cluster(bank, epoch))
        self.pseudo.restart()

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``cluster``."""
        labels = self.pseudo.labels
        sizes = torch.bincount(labels, minlength=self.pseudo.n_clusters)
        logits = self.pseudo(step.queries)
        return {"cluster": F.cross_entropy(logits, labels[step.indices], weight=1 / sizes)}


class DeepAlignedObjective(CoarseCrossEntropy):
    """Cross-entropy of pseudo-labels that keep their meaning, and of the coarse labels.

    Before each epoch the texts are clustered, and each new center takes the number of the old
    one that it is matched to, so that the classifier goes on from where it is (Zhang et al.,
    AAAI 2021). Not as there: the paper first trains on the labels of known intents; here coarse
    labels are what is known, and their cross-entropy stands beside. For the classifier see
    `PseudoLabels`.
    """

    needs_neighbors = True
    rate_factors = MappingProxyType({"pseudo.rows": ROW_RATE})

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        self.pseudo = PseudoLabels(task, config.temperature)

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> None:
        """Cluster the texts anew, and number the clusters as before."""
        clustering = self.pseudo.cluster(bank, epoch)
        if epoch == 0:
            self.pseudo.take(clustering)
            self.pseudo.restart()
        else:
            self.pseudo.take(align(clustering, self.pseudo.centers.cpu().numpy()))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms ``ce`` and ``cluster``."""
        loss = F.cross_entropy(self.pseudo(step.queries), self.pseudo.labels[step.indices])
        return super().forward(step) | {"cluster": loss}
