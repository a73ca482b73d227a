"""Consistency of two views' predictions, ramped up over training."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, same_shape


class ConsistencyLoss(nn.Module):
    r"""Mean squared difference of two views' class probabilities, times a ramp.

    .. math::
        L = w(t) \, \frac{1}{bC} \sum_{ic} (p_{ic} - \hat p_{ic})^2, \quad
        w(t) = \lambda e^{-5 (1 - \min(t, T) / T)^2} .

    Parameters
    ----------
    weight : float, default 5.0
        The :math:`\lambda` of the ramp; NCL has 5 on CIFAR-10, 50 on CIFAR-100.
    ramp_epochs : float, default 50
        The T of the ramp, in epochs; NCL has 50 on CIFAR-10, 150 on CIFAR-100.

    Notes
    -----
    Gradients flow through both views.

    References
    ----------
    Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017; as in Zhong et
    al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021.

    Examples
    --------
    >>> import torch
    >>> logits = torch.zeros(1, 2)
    >>> ConsistencyLoss()(logits, logits, epoch=10).item()
    0.0
    """

    def __init__(self, weight: float = 5.0, ramp_epochs: float = 50):
        super().__init__()
        self.weight = weight
        self.ramp_epochs = above_zero("ramp_epochs", ramp_epochs)

    def forward(self, first: Tensor, second: Tensor, epoch: float) -> Tensor:
        """Return the weighted loss, a scalar.

        Parameters
        ----------
        first, second : Tensor (b, c)
            Logits of the two views.
        epoch : float
            Epochs trained so far.
        """
        same_shape("first", first, "second", second)
        return self.ramp(epoch) * F.mse_loss(first.softmax(1), second.softmax(1))

    def ramp(self, epoch: float) -> float:
        """Return w(t), which rises from 0.0067 of ``weight`` to all of it."""
        progress = min(max(epoch, 0) / self.ramp_epochs, 1.0)
        return self.weight * math.exp(-5 * (1 - progress) ** 2)
