"""The objective of SimCSE: recognize a text's other view among those of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, same_shape


class SimCSELoss(nn.Module):
    r"""In-batch InfoNCE from the first view to the second.

    With unit rows :math:`z_i` and :math:`\hat z_i`, two views of text i,

    .. math::
        L = -\frac{1}{b} \sum_i \log \frac{e^{z_i \cdot \hat z_i / \tau}}
            {\sum_{j \le b} e^{z_i \cdot \hat z_j / \tau}} .

    Parameters
    ----------
    temperature : float, default 0.05
        Smaller values look at the nearest other texts only.

    Notes
    -----
    SimCSE's two views differ by dropout alone. In a batch of one there is nothing to tell the
    text from, and the loss is 0.

    *Relations*: `NTXentLoss` lets both views be anchors and adds each one's own view to the
    negatives; `DNALoss` takes neighbors for positives and the whole bank for negatives.

    References
    ----------
    Gao et al., SimCSE: Simple Contrastive Learning of Sentence Embeddings, EMNLP 2021.

    Examples
    --------
    >>> views = torch.eye(3)
    >>> round(SimCSELoss(temperature=1.0)(views, views).item(), 4)
    0.5514
    """

    def __init__(self, temperature: float = 0.05):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        first, second : Tensor (b, d)
            Unit rows, two views of the same b texts in the same order.
        """
        same_shape("first", first, "second", second)
        logits = first @ second.T / self.temperature
        return F.cross_entropy(logits, torch.arange(len(first), device=first.device))
