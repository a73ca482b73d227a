"""NT-Xent, the objective of SimCLR: both views are anchors, all other rows negatives."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, same_shape


class NTXentLoss(nn.Module):
    r"""Normalized, temperature-scaled cross-entropy over the 2b views of a batch.

    With the views stacked to unit rows :math:`x_1 \dots x_{2b}`, :math:`\pi(i)` the other view,

    .. math::
        L = -\frac{1}{2b} \sum_i \log \frac{e^{x_i \cdot x_{\pi(i)} / \tau}}
            {\sum_{l \ne i} e^{x_i \cdot x_l / \tau}} .

    Parameters
    ----------
    temperature : float, default 0.1
        Smaller values look at the nearest other rows only.

    Notes
    -----
    *Relations*: the first term of `ISIFLoss` in its released form, with gradients through both
    operands; `SimCSELoss` with both directions and the rows of the own view in the denominator.

    References
    ----------
    Chen et al., A Simple Framework for Contrastive Learning of Visual Representations,
    ICML 2020.

    Examples
    --------
    >>> views = torch.eye(2)
    >>> round(NTXentLoss(temperature=1.0)(views, views).item(), 4)
    0.5514
    """

    def __init__(self, temperature: float = 0.1):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        first, second : Tensor (b, d)
            Unit rows, two views of the same b inputs in the same order.
        """
        same_shape("first", first, "second", second)
        rows = torch.cat([first, second])
        order = torch.arange(len(rows), device=rows.device)
        logits = (rows @ rows.T / self.temperature).fill_diagonal_(-torch.inf)
        return F.cross_entropy(logits, order.roll(len(first)))
