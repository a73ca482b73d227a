"""The objective of DNA: pull a query towards all of its kept neighbors at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.losses.checks import above_zero, one_each
from dnalib.losses.whole_bank import WholeBankNLL
from dnalib.whole import require_whole


class DNALoss(nn.Module):
    r"""Neighborhood contrast over the whole bank.

    With unit queries :math:`q_i`, keys :math:`h_k`, kept neighbors :math:`P_i` and temperature
    :math:`\tau`,

    .. math::
        L = \frac{1}{B} \sum_i -\frac{1}{|P_i|} \sum_{j \in P_i}
            \log \frac{e^{q_i \cdot h_j / \tau}}{\sum_{k \ne i} e^{q_i \cdot h_k / \tau}} .

    One matrix product and one softmax: a positive's term is its logit less the logarithm of the
    denominator, so the mean over :math:`P_i` needs only the logits at :math:`P_i`.
    `neighborhood_nll` says it in plain operations; `WholeBankNLL` computes the same in half the
    time.

    Parameters
    ----------
    temperature : float, default 0.07
        Smaller values look at the nearest keys only.
    sampled_keys : int, optional
        Estimate the denominator of a larger bank from as many keys, drawn at random for each
        batch, beside the positives, which always count. Its mean over draws is exact, so its
        logarithm is a little low: `benchmarks/loss.py` measures by how much. Default: all keys.

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

    def __init__(self, temperature: float = 0.07, sampled_keys: int | None = None):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        self.sampled_keys = sampled_keys
        if sampled_keys is not None:
            require_whole("sampled_keys", sampled_keys, 1)

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
        if self.sampled_keys is not None and self.sampled_keys < len(keys):
            return self._over_sampled_keys(queries, keys, positives, self_index, weights)
        weights, counts = _shares_of_positives(positives, queries, self_index, weights)
        losses = WholeBankNLL.apply(
            queries, keys, positives, weights, self_index, self.temperature
        )[counts]
        return losses.mean() if len(losses) else queries.sum() * 0

    def _over_sampled_keys(
        self,
        queries: Tensor,
        keys: Tensor,
        positives: Tensor,
        self_index: Tensor | None,
        weights: Tensor | None,
    ) -> Tensor:
        """Take the positives as they are and let drawn keys stand for all others."""
        drawn = torch.randint(len(keys), (self.sampled_keys,), device=keys.device)
        logits = torch.cat(
            [
                torch.einsum("bd,bpd->bp", queries, keys[positives.clamp(min=0)]),
                queries @ keys[drawn].T,
            ],
            dim=1,
        ).div_(self.temperature)
        known = positives if self_index is None else torch.cat([positives, self_index[:, None]], 1)
        others = ~_is_among(drawn, known)
        unknown_keys = len(keys) - (known >= 0).sum(1)
        stands_for = torch.log(unknown_keys / others.sum(1).clamp(min=1))[:, None]
        counts = torch.cat([positives >= 0, others], dim=1)
        factors = torch.cat([torch.zeros_like(positives), stands_for.expand_as(others)], dim=1)
        factors = factors.masked_fill(~counts, -torch.inf)
        columns = torch.arange(positives.shape[1], device=keys.device)
        places = torch.where(positives >= 0, columns, -1)
        return neighborhood_nll(logits, places, None, weights, factors.to(logits))


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
        Of each query to every key; those at ``self_index`` are overwritten.
    positives, self_index, weights
        As in `DNALoss.forward`.
    log_factors : Tensor (b, n), optional
        Logarithm of the factor that multiplies each key's term of the denominator.
    """
    weights, counts = _shares_of_positives(positives, logits, self_index, weights)
    rows = torch.arange(len(logits), device=logits.device)
    # By indexing: unlike gather's, its gradient does not keep the logits, the largest tensor here.
    positive_logits = logits[rows[:, None], positives.clamp(min=0)]
    if log_factors is not None:
        logits = logits + log_factors
    if self_index is not None:
        logits = logits.index_put_((rows, self_index), logits.new_tensor(-torch.inf))
    mean_positive = (positive_logits * weights).sum(1)
    losses = (torch.logsumexp(logits, dim=1) - mean_positive)[counts]
    return losses.mean() if len(losses) else logits.nan_to_num(neginf=0).sum() * 0


def _shares_of_positives(
    positives: Tensor, queries: Tensor, self_index: Tensor | None, weights: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return weights ``(b, p)`` that sum to 1 over a query's positives, ``(b,)`` if it has any."""
    one_each("positives", positives, "queries", queries)
    if self_index is not None:
        one_each("self_index", self_index, "queries", queries)
    weights = (positives >= 0).to(queries) * (1 if weights is None else weights.to(queries))
    totals = weights.sum(1, keepdim=True)
    counts = totals > 0
    return weights / totals.where(counts, 1), counts[:, 0]


def _is_among(drawn: Tensor, listed: Tensor) -> Tensor:
    """Return ``(b, s)``, whether each of ``drawn (s,)`` is in each row of ``listed (b, p)``."""
    listed = listed.sort(dim=1).values
    drawn = drawn.expand(len(listed), -1).contiguous()
    places = torch.searchsorted(listed, drawn).clamp(max=listed.shape[1] - 1)
    return listed.gather(1, places) == drawn


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
    require_whole("k", k, 1)
    return above_zero("base", base) ** (-torch.arange(k + 1) / k)
