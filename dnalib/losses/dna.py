"""The objective of DNA: pull a query towards all of its kept neighbors at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DNALoss(nn.Module):
    r"""Neighborhood contrast over the whole bank.

    With unit queries :math:`q_i`, keys :math:`h_k`, kept neighbors :math:`P_i` and temperature
    :math:`\tau`,

    .. math::
        L = \frac{1}{B} \sum_i -\frac{1}{|P_i|} \sum_{j \in P_i}
            \log \frac{e^{q_i \cdot h_j / \tau}}{\sum_{k \ne i} e^{q_i \cdot h_k / \tau}} .

    One matrix product and one log-sum-exp: a positive's term is its logit less the logarithm of
    the denominator, so the mean over :math:`P_i` needs only the logits at :math:`P_i`.

    Parameters
    ----------
    temperature : float, default 0.07
        Smaller values look at the nearest keys only.

    Notes
    -----
    Queries without positives are left out of the mean; if all are, the loss is 0. The released
    code keeps the query's own key in the denominator, and as a positive: call without
    ``self_index`` for that.

    *Relations*: with the query's other view as the only positive this is MoCo's InfoNCE; with all
    texts of its own class it is the supervised contrastive loss. `dnalib.theory.decompose`
    writes it as alignment to the neighborhood's center plus a log-sum-exp.

    References
    ----------
    An et al., DNA: Denoised Neighborhood Aggregation for Fine-grained Category Discovery,
    EMNLP 2023.

    Examples
    --------
    >>> keys = torch.eye(3)
    >>> loss = DNALoss(temperature=1.0)
    >>> round(loss(keys[:1], keys, torch.tensor([[1]]), torch.tensor([0])).item(), 4)
    0.6931
    """

    def __init__(self, temperature: float = 0.07):
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}: expected a number above 0")
        self.temperature = temperature

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        positives: Tensor,
        self_index: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        queries : Tensor (b, d)
            Unit rows; gradients flow through them.
        keys : Tensor (n, d)
            Unit rows of the whole bank, detached by the caller.
        positives : Tensor (b, p) int64
            Indices into ``keys`` of each query's positives, padded with -1.
        self_index : Tensor (b,) int64, optional
            Each query's own place in ``keys``, left out of the denominator.
        """
        logits = queries @ keys.T / self.temperature
        kept = positives >= 0
        positive_logits = logits.gather(1, positives.clamp(min=0))
        if self_index is not None:
            # Out of place: the logits' values are still needed for the gradient of the gather.
            logits = logits.scatter(1, self_index[:, None], -torch.inf)
        counts = kept.sum(1)
        mean_positive = (positive_logits * kept).sum(1) / counts.clamp(min=1)
        losses = (torch.logsumexp(logits, dim=1) - mean_positive)[counts > 0]
        return losses.mean() if len(losses) else queries.sum() * 0
