"""The objective of IDFD: tell instances apart, and decorrelate the coordinates of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero
from dnalib.losses.memory import Memory


class IDFDLoss(nn.Module):
    r"""Instance discrimination over a memory, and feature decorrelation within the batch.

    With unit features :math:`v_i`, memory :math:`\bar v`, and C the inner products of the
    columns of the batch's features, each column of unit length,

    .. math::
        L = -\frac{1}{b} \sum_i \log \frac{e^{\bar v_i \cdot v_i / \tau}}
              {\sum_{j \le n} e^{\bar v_j \cdot v_i / \tau}}
            - \frac{\lambda}{D} \sum_l \log \frac{e^{C_{ll} / \tau_2}}
              {\sum_m e^{C_{lm} / \tau_2}} .

    Call `update` after the optimizer's step; k-means on ``memory.features`` gives the clusters.

    Parameters
    ----------
    n : int
        Instances.
    dim : int
        Length of a feature.
    temperature : float, default 1.0
    decorrelation_temperature : float, default 2.0
    decorrelation_weight : float, default 1.0
        The :math:`\lambda` of the formula; 0 leaves instance discrimination.
    momentum : float, default 0.5
        Of the memory.
    seed : int, default 0
        Of the memory's first, random directions.

    Notes
    -----
    The released memory starts un-normalized and is updated inside the backward pass.

    *Relations*: `ISIFLoss` and `SimCSELoss` tell instances apart within a batch, without a
    memory; `CIDFDLoss` adds a reference set.

    References
    ----------
    Tao et al., Clustering-friendly Representation Learning via Instance Discrimination and
    Feature Decorrelation, ICLR 2021, and its released code.

    Examples
    --------
    >>> loss = IDFDLoss(n=4, dim=3)
    >>> features, indices = torch.eye(3), torch.tensor([0, 2, 3])
    >>> loss.update(features, indices)
    >>> loss(features, indices).item() < loss(features.roll(1, 0), indices).item()
    True
    """

    def __init__(
        self,
        n: int,
        dim: int,
        temperature: float = 1.0,
        decorrelation_temperature: float = 2.0,
        decorrelation_weight: float = 1.0,
        momentum: float = 0.5,
        seed: int = 0,
    ):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        self.decorrelation_temperature = above_zero(
            "decorrelation_temperature", decorrelation_temperature
        )
        self.decorrelation_weight = decorrelation_weight
        self.memory = Memory(n, dim, momentum, seed)

    def forward(self, features: Tensor, indices: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Parameters
        ----------
        features : Tensor (b, d)
            Unit rows.
        indices : Tensor (b,) int64
            The instances they are of.
        """
        logits = features @ self.memory.features.to(features).T / self.temperature
        discrimination = F.cross_entropy(logits, indices)
        decorrelation = feature_decorrelation(features, self.decorrelation_temperature)
        return discrimination + self.decorrelation_weight * decorrelation

    def update(self, features: Tensor, indices: Tensor) -> None:
        """Move the memory of ``indices (b,)`` towards ``features (b, d)``."""
        self.memory.update(features, indices)


def feature_decorrelation(features: Tensor, temperature: float = 2.0) -> Tensor:
    r"""Return IDFD's second term, a scalar: softmax discrimination of the coordinates.

    Parameters
    ----------
    features : Tensor (b, d)
        Columns are brought to unit length; one of zeros stays so.
    temperature : float, default 2.0

    Notes
    -----
    Orthogonal columns give :math:`-1/\tau_2 + \log(e^{1/\tau_2} + D - 1)`. That is not the least
    value: columns that point away from each other go lower.
    """
    columns = F.normalize(features, dim=0)
    logits = columns.T @ columns / temperature
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
