"""Supervised contrast against a labeled queue, as in NCL."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.losses.checks import above_zero, one_each, same_shape
from dnalib.losses.ncl import view_and_queue


class SupervisedContrastiveLoss(nn.Module):
    r"""Contrast with the own view and all queued features of the same label.

    With unit features :math:`z` and :math:`\hat z` of two views, a queue M and its rows of z's
    label :math:`M_y`,

    .. math::
        L = -\frac{1}{b} \sum \frac{1}{1 + |M_y|} \sum_{x \in \{\hat z\} \cup M_y}
            \log \frac{e^{z \cdot x / \tau}}{\sum_{y \in \{\hat z\} \cup M} e^{z \cdot y / \tau}} .

    Parameters
    ----------
    temperature : float, default 0.05

    Notes
    -----
    With an empty queue there is nothing to tell the view from, and the loss is 0.

    *Relations*: `NCLLoss` where labels are not known. `DNALoss` over a bank with each text's whole
    class as positives is the same without the view.

    References
    ----------
    Khosla et al., Supervised Contrastive Learning, NeurIPS 2020; with a queue, Zhong et al.,
    Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021.

    Examples
    --------
    >>> rows, labels = torch.eye(3), torch.tensor([0, 0, 1])
    >>> loss = SupervisedContrastiveLoss(temperature=1.0)
    >>> round(loss(rows[:1], rows[:1], labels[:1], rows[1:], labels[1:]).item(), 4)
    1.0514
    """

    def __init__(self, temperature: float = 0.05):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)

    def forward(
        self, queries: Tensor, views: Tensor, labels: Tensor, queue: Tensor, queue_labels: Tensor
    ) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        queries : Tensor (b, d)
            Unit rows; gradients flow through them alone.
        views : Tensor (b, d)
            Unit rows, the other view of each.
        labels : Tensor (b,) int64
        queue : Tensor (q, d)
            Unit rows of earlier steps.
        queue_labels : Tensor (q,) int64
        """
        same_shape("queries", queries, "views", views)
        one_each("labels", labels, "queries", queries)
        one_each("queue_labels", queue_labels, "queue", queue)
        log_p = (view_and_queue(queries, views, queue) / self.temperature).log_softmax(1)
        own = torch.ones_like(labels, dtype=torch.bool)[:, None]
        positive = torch.cat([own, labels[:, None] == queue_labels], dim=1)
        return -((log_p * positive).sum(1) / positive.sum(1)).mean()
