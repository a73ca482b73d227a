"""The objective of DNA: pull a query towards all of its kept neighbors at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.losses.checks import above_zero


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
    texts of its own class it is the supervised contrastive loss. With `rank_weights` as
    ``weights``, unfiltered neighbors and the query itself as the positive of rank 0 it is DOWN's
    loss, which is why DOWN has no class of its own. `dnalib.theory.decompose` writes it as
    alignment to the neighborhood's center plus a log-sum-exp.

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
        self.temperature = above_zero("temperature", temperature)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        positives: Tensor,
        self_index: Tensor | None = None,
        weights: Tensor | None = None,
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
        weights : Tensor (b, p) or (p,), optional
            Not negative; the mean over positives becomes a weighted one. Default: all equal.
        """
        logits = queries @ keys.T / self.temperature
        return neighborhood_nll(logits, positives, self_index, weights)


def neighborhood_nll(
    logits: Tensor,
    positives: Tensor,
    self_index: Tensor | None = None,
    weights: Tensor | None = None,
    log_factors: Tensor | None = None,
) -> Tensor:
    r"""Return the mean over queries of :math:`-\sum_j w_j \log p_{ij} / \sum_j w_j`, a scalar.

    Parameters
    ----------
    logits : Tensor (b, n)
        Of each query to every key.
    positives, self_index, weights
        As in `DNALoss.forward`.
    log_factors : Tensor (b, n), optional
        Logarithm of the factor that multiplies each key's term of the denominator.
    """
    weights = (positives >= 0).to(logits) * (1 if weights is None else weights)
    positive_logits = logits.gather(1, positives.clamp(min=0))
    if log_factors is not None:
        logits = logits + log_factors
    if self_index is not None:
        # Out of place: the logits' values are still needed for the gradient of the gather.
        logits = logits.scatter(1, self_index[:, None], -torch.inf)
    totals = weights.sum(1)
    counts = totals > 0
    mean_positive = (positive_logits * weights).sum(1) / totals.where(counts, 1)
    losses = (torch.logsumexp(logits, dim=1) - mean_positive)[counts]
    return losses.mean() if len(losses) else logits.nan_to_num(neginf=0).sum() * 0


def rank_weights(k: int, base: float) -> Tensor:
    r"""Return DOWN's weights :math:`b^{-r/k}` of the ranks 0 (the query itself) to k, ``(k + 1,)``.

    Parameters
    ----------
    k : int
        Neighbors, the query itself not counted.
    base : float
        The larger, the less a far neighbor counts: the last one counts ``1 / base``.

    References
    ----------
    An et al., Down: Dynamic Order Weighted Network for Fine-grained Category Discovery, 2024.

    Examples
    --------
    >>> rank_weights(2, 4.0)
    tensor([1.0000, 0.5000, 0.2500])
    """
    above_zero("k", k)
    return above_zero("base", base) ** (-torch.arange(k + 1) / k)
