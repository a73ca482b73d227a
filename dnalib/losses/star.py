"""The losses of STAR: neighborhoods weighed by the divergence of Gaussians."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, same_shape
from dnalib.losses.dna import neighborhood_nll


class STARLoss(nn.Module):
    r"""Neighborhood contrast whose negatives count by divergence, with a trainable base.

    With unit queries :math:`q_i`, keys :math:`h_k`, a Gaussian of each (`GaussianHead`),
    :math:`D_{ik}` the symmetric divergence of theirs and weights :math:`w_{ij}` of positives,

    .. math::
        L_1 &= -\frac{1}{W_i} \sum_j w_{ij} \log
            \frac{e^{-D_{ij} / \tau}}{\sum_k e^{-D_{ik} / \tau}}, \\
        L_2 &= -\frac{1}{W_i} \sum_j w_{ij} \Big[ \frac{q_i \cdot h_j}{\tau}
            - \log \sum_k B^{D_{ik}} e^{q_i \cdot h_k / \tau} \Big], \\
        L &= \frac{1}{b} \sum_i L_2 + \lambda L_1, \quad W_i = \sum_j w_{ij} .

    Parameters
    ----------
    temperature : float, default 0.07
    divergence_weight : float, default 0.05
        The :math:`\lambda` of the formula.
    base : float, default 10.0
        What the trainable B starts from.

    Notes
    -----
    From an early release of the code, which may differ from the paper. There B is a bare
    parameter that may turn negative; here its logarithm is trained. The term :math:`B^D` is
    lowered by shrinking B or D as well as by moving features: watch ``base``.

    *Relations*: with :math:`B = 1` and :math:`\lambda = 0` this is `DNALoss`, and DOWN's loss with
    `rank_weights`.

    References
    ----------
    STAR, from the authors of DOWN, as released with it; weights as in `rank_weights`.

    Examples
    --------
    >>> loss = STARLoss(temperature=1.0, divergence_weight=0.0, base=1.0)
    >>> rows, gaussian = torch.eye(3), (torch.zeros(3, 2), torch.ones(3, 2))
    >>> one = tuple(part[:1] for part in gaussian)
    >>> round(loss(rows[:1], rows, one, gaussian, torch.tensor([[0]])).item(), 4)
    0.5514
    """

    def __init__(
        self, temperature: float = 0.07, divergence_weight: float = 0.05, base: float = 10.0
    ):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        self.divergence_weight = divergence_weight
        self.log_base = nn.Parameter(torch.tensor(math.log(above_zero("base", base))))

    @property
    def base(self) -> float:
        """B as it stands."""
        return math.exp(self.log_base.item())

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        query_gaussians: tuple[Tensor, Tensor],
        key_gaussians: tuple[Tensor, Tensor],
        positives: Tensor,
        self_index: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        queries : Tensor (b, d)
        keys : Tensor (n, d)
        query_gaussians, key_gaussians : tuple of Tensor (b, g) and (n, g)
            Means and variances.
        positives, self_index, weights
            As in `DNALoss.forward`.
        """
        divergences = symmetric_divergence(query_gaussians, key_gaussians)
        l1 = neighborhood_nll(-divergences / self.temperature, positives, self_index, weights)
        logits = queries @ keys.T / self.temperature
        factors = divergences * self.log_base
        l2 = neighborhood_nll(logits, positives, self_index, weights, factors)
        return l2 + self.divergence_weight * l1


class GaussianHead(nn.Module):
    """A diagonal Gaussian of each feature: linear maps of its ReLU, the variance by 1 + ELU.

    Parameters
    ----------
    dim : int
        Length of a feature.
    size : int, default 128
        Dimensions of the Gaussian.

    Notes
    -----
    1 + ELU underflows to 0 far below 0; 1e-6 is added, which the released code does not.
    """

    def __init__(self, dim: int, size: int = 128):
        super().__init__()
        self.mean = nn.Linear(dim, size)
        self.variance = nn.Linear(dim, size)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances ``(b, size)`` of ``features (b, dim)``."""
        active = F.relu(features)
        return self.mean(active), 1 + 1e-6 + F.elu(self.variance(active))


def symmetric_divergence(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    r"""Return :math:`\frac{1}{2}(KL_{ik} + KL_{ki})` of diagonal Gaussians, ``(b, n)``.

    Written out, the logarithms cancel and matrix products remain:

    .. math::
        D = \frac{1}{4} \sum \frac{v_1}{v_2} + \frac{v_2}{v_1} - 2
            + (\mu_1 - \mu_2)^2 \Big( \frac{1}{v_1} + \frac{1}{v_2} \Big) .

    Parameters
    ----------
    first, second : tuple of Tensor (b, g) and (n, g)
        Means and variances.
    """
    (mean_1, var_1), (mean_2, var_2) = first, second
    same_shape("the means", mean_1, "the variances", var_1)
    same_shape("the means", mean_2, "the variances", var_2)
    inv_1, inv_2 = 1 / var_1, 1 / var_2
    # Terms of 1/v_1 on the left, of 1/v_2 on the right: one product of each.
    left = torch.cat([inv_1, -2 * mean_1 * inv_1], 1) @ torch.cat([var_2 + mean_2**2, mean_2], 1).T
    right = torch.cat([var_1 + mean_1**2, mean_1], 1) @ torch.cat([inv_2, -2 * mean_2 * inv_2], 1).T
    own = (mean_1**2 * inv_1).sum(1)[:, None] + (mean_2**2 * inv_2).sum(1)
    return ((left + right + own - 2 * mean_1.shape[1]) / 4).clamp(min=0)
