"""Neighborhood contrastive learning: a view and its nearest queued features are positives."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, one_each, one_of, same_shape, share
from dnalib.whole import require_whole

FORMS = ("paper", "released")


class NCLLoss(nn.Module):
    r"""Contrast with the own view and k pseudo-positives of a queue.

    With unit features :math:`z` and :math:`\hat z` of two views, a queue M, its k rows nearest to
    z, :math:`\rho_1 \dots \rho_k`, and optional hard negatives H,

    .. math::
        \ell(z, x) = -\log \frac{e^{z \cdot x / \tau}}
            {\sum_{y \in \{\hat z\} \cup M \cup H} e^{z \cdot y / \tau}}, \quad
        L = \frac{1}{b} \sum \alpha \, \ell(z, \hat z)
            + \frac{1 - \alpha}{k} \sum_{j \le k} \ell(z, \rho_j) .

    Parameters
    ----------
    k : int
        Pseudo-positives; the paper takes half of what the queue holds of a class if all novel
        classes are alike, ``len(queue) / n_novel / 2``.
    alpha : float, default 0.2
        Weight of the own view.
    temperature : float, default 0.05
    form : {"paper", "released"}, default "paper"
        The released code takes the k largest of the own view *and* the queue, gives each
        :math:`(1 - \alpha) / k`, then sets the view's to :math:`\alpha`: where the view is among
        them, the weights sum to :math:`\alpha + (1 - \alpha)(k - 1) / k`.

    Notes
    -----
    Of a queue shorter than k all rows are positives; with an empty one :math:`\alpha \,
    \ell(z, \hat z)` is left. Enqueue z after the loss (`dnalib.losses.FeatureQueue`).

    *Relations*: `DNALoss` mines its positives before an epoch, filters them and weights them
    alike; `SupervisedContrastiveLoss` takes labels for what the nearest rows guess.

    References
    ----------
    Zhong et al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021,
    and its released code.

    Examples
    --------
    >>> rows = torch.eye(3)
    >>> loss = NCLLoss(k=1, temperature=1.0)
    >>> round(loss(rows[:1], rows[:1], rows[1:]).item(), 4)
    1.3514
    """

    def __init__(self, k: int, alpha: float = 0.2, temperature: float = 0.05, form: str = "paper"):
        super().__init__()
        self.k = require_whole("k", k, 1)
        self.alpha = share("alpha", alpha)
        self.temperature = above_zero("temperature", temperature)
        self.form = one_of("form", form, FORMS)

    def forward(
        self,
        queries: Tensor,
        views: Tensor,
        queue: Tensor,
        hard_negatives: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        queries : Tensor (b, d)
            Unit rows; gradients flow through them alone.
        views : Tensor (b, d)
            Unit rows, the other view of each.
        queue : Tensor (q, d)
            Unit rows of earlier steps.
        hard_negatives : Tensor (b, h, d), optional
            Unit rows, further negatives of each query: `mix_hard_negatives`.
        """
        same_shape("queries", queries, "views", views)
        similarities = view_and_queue(queries, views, queue)
        targets = self._targets(similarities.detach())
        if hard_negatives is not None:
            one_each("hard_negatives", hard_negatives, "queries", queries)
            extra = (queries[:, None] * hard_negatives.detach()).sum(2)
            similarities = torch.cat([similarities, extra], dim=1)
            targets = F.pad(targets, (0, extra.shape[1]))
        return F.cross_entropy(similarities / self.temperature, targets)

    def _targets(self, similarities: Tensor) -> Tensor:
        """Return the weight of the view (column 0) and of every queued row, ``(b, 1 + q)``."""
        # The released code lets the view take one of the k places.
        first = 0 if self.form == "released" else 1
        k = min(self.k, similarities.shape[1] - first)
        targets = torch.zeros_like(similarities)
        if k > 0:
            nearest = similarities[:, first:].topk(k, dim=1).indices + first
            targets.scatter_(1, nearest, (1 - self.alpha) / k)
        targets[:, 0] = self.alpha
        return targets


def view_and_queue(queries: Tensor, views: Tensor, queue: Tensor) -> Tensor:
    """Return similarities of each query to its own view, then to the queue, ``(b, 1 + q)``."""
    own = (queries * views.detach()).sum(1, keepdim=True)
    return torch.cat([own, queries @ queue.detach().to(queries).T], dim=1)
