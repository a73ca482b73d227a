"""Binary cross-entropy over pairs: do two inputs belong to one novel class?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.losses.checks import same_shape, share


class PairwiseBCELoss(nn.Module):
    r"""Predictions of a pair agree if it was judged to be of one class, and not otherwise.

    With class probabilities :math:`p_i` and :math:`\hat p_i` of two views and a pseudo-label
    :math:`s_{ij}`, over all ordered pairs, each input with itself included,

    .. math::
        L = -\frac{1}{b^2} \sum_{ij} s_{ij} \log(p_i \cdot \hat p_j)
            + (1 - s_{ij}) \log(1 - p_i \cdot \hat p_j) .

    Parameters
    ----------
    eps : float, default 1e-7
        Added inside both logarithms, as in the released code.

    Notes
    -----
    Pseudo-labels come from features, not from probabilities: `same_by_cosine` (NCL's),
    `same_by_rank` (AutoNovel's, an alternative in NCL's code) or `same_by_share`. The released code
    changes its inputs in place; here nothing is changed.

    *Relations*: contrastive losses move features; this one moves a classifier's assignments.

    References
    ----------
    Zhong et al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021;
    Han et al., Automatically Discovering and Learning New Visual Categories with Ranking
    Statistics, ICLR 2020.

    Examples
    --------
    >>> sure = torch.eye(2)
    >>> loss = PairwiseBCELoss()
    >>> round(abs(loss(sure, sure, torch.eye(2, dtype=torch.bool)).item()), 4)
    0.0
    """

    def __init__(self, eps: float = 1e-7):
        super().__init__()
        if not 0 <= eps < 1:
            raise ValueError(f"eps is {eps}: expected a number in [0, 1)")
        self.eps = eps

    def forward(self, first: Tensor, second: Tensor, same: Tensor) -> Tensor:
        """Return the mean loss over all pairs, a scalar.

        Parameters
        ----------
        first, second : Tensor (b, c)
            Class probabilities of the two views, rows summing to 1.
        same : Tensor (b, b) bool
            Whether a pair is judged to be of one class.
        """
        same_shape("first", first, "second", second)
        agreement = first @ second.T
        same_shape("the pairs", agreement, "same", same)
        likelihood = torch.where(same, agreement, 1 - agreement)
        return -torch.log(likelihood + self.eps).mean()


@torch.no_grad()
def same_by_cosine(features: Tensor, threshold: float = 0.95) -> Tensor:
    """Judge pairs of ``features (b, d)`` to be of one class above a cosine, ``(b, b)`` bool."""
    unit = normalize(features)
    return unit @ unit.T > threshold


@torch.no_grad()
def same_by_share(features: Tensor, of_pairs: float) -> Tensor:
    """Judge the most similar share ``of_pairs`` of ``features (b, d)`` alike, ``(b, b)`` bool.

    It counts pairs of different rows; every row is of one class with itself.
    """
    share("of_pairs", of_pairs)
    unit = normalize(features)
    b = len(unit)
    rows, columns = torch.triu_indices(b, b, 1, device=features.device)
    alike = (unit @ unit.T)[rows, columns].topk(round(of_pairs * len(rows))).indices
    same = torch.eye(b, dtype=torch.bool, device=features.device)
    same[rows[alike], columns[alike]] = True
    return same | same.T


@torch.no_grad()
def same_by_rank(features: Tensor, m: int = 5) -> Tensor:
    """Judge pairs of ``features (b, d)`` by their m largest coordinates, ``(b, b)`` bool.

    A pair is of one class if those are the same ones, in any order.
    """
    dimensions = features.shape[1]
    if not 1 <= m <= dimensions:
        raise ValueError(f"m is {m}: expected 1 to {dimensions}, the length of a feature")
    top = features.topk(m, dim=1).indices.sort(dim=1).values
    return (top[:, None] == top).all(2)
