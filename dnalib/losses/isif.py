"""The objective of ISIF: invariant to augmentation, spread over instances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.losses.checks import above_zero, one_of, same_shape

FORMS = ("released", "paper")


class ISIFLoss(nn.Module):
    r"""Instance spreading: each row is its own class, and no other row is mistaken for it.

    **Paper form.** With unit features :math:`f_i` and :math:`\hat f_i` of m inputs and their
    augmentations,

    .. math::
        L = -\frac{1}{m} \sum_i \Big[ \log P(i | \hat x_i)
            + M \sum_{j \ne i} \log(1 - P(i | x_j)) \Big], \quad
        P(i | x) = \frac{e^{f_i \cdot f(x) / \tau}}{\sum_{k \le m} e^{f_k \cdot f(x) / \tau}} .

    **Released form.** Both views stacked to 2m rows, :math:`\pi(i)` the other view,

    .. math::
        L = -\frac{1}{2m} \sum_i \Big[ \log p_{i\pi(i)}
            + M \sum_{j \ne i, \pi(i)} \log(1 - p_{ij}) \Big], \quad
        p_{ij} = \frac{e^{x_i \cdot x_j / \tau}}
            {e^{x_i \cdot x_{\pi(i)} / \tau} + M \sum_{l \ne i, \pi(i)} e^{x_i \cdot x_l / \tau}} .

    Parameters
    ----------
    temperature : float, default 0.1
    spread : float, default 1.0
        M, the weight of the spreading term; 0 leaves the invariance term alone. The released
        form has it in the denominator as well, where 0 would leave the positive alone: there 0
        drops the sum over j and keeps the denominator of M = 1.
    form : {"released", "paper"}, default "released"
    stop_gradient : bool, default True
        Released form only: no gradient through the second operand of the inner products, as
        released. The value of the loss is the same either way, its gradient is not.

    Notes
    -----
    The paper sums over inputs; here their mean is taken, as the released code does. A
    :math:`1 - p` below the precision of the numbers counts as that precision.

    *Relations*: `NTXentLoss` is the released form with ``spread=0, stop_gradient=False``;
    `IDFDLoss` tells instances apart by a memory of all of them instead of the batch.

    References
    ----------
    Ye et al., Unsupervised Embedding Learning via Invariant and Spreading Instance Feature,
    CVPR 2019, and its released ``BatchCriterion``.

    Examples
    --------
    >>> views = torch.eye(2)
    >>> round(ISIFLoss(temperature=1.0)(views, views).item(), 4)
    1.0278
    """

    def __init__(
        self,
        temperature: float = 0.1,
        spread: float = 1.0,
        form: str = "released",
        stop_gradient: bool = True,
    ):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        if not spread >= 0:
            raise ValueError(f"spread is {spread}: expected 0 or a number above it")
        self.spread = spread
        self.form = one_of("form", form, FORMS)
        self.stop_gradient = stop_gradient

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        first, second : Tensor (m, d)
            Unit rows: the inputs and their augmentations, or two augmentations.
        """
        same_shape("first", first, "second", second)
        if self.form == "paper":
            return self._paper(first, second)
        return self._released(torch.cat([first, second]))

    def _paper(self, originals: Tensor, augmented: Tensor) -> Tensor:
        invariance = (augmented @ originals.T / self.temperature).log_softmax(1).diagonal()
        # Row j holds log P(i | x_j), so the sum over j != i runs over all but the diagonal.
        mistaken = (originals @ originals.T / self.temperature).log_softmax(1)
        own = torch.eye(len(originals), dtype=torch.bool, device=originals.device)
        return -(invariance.sum() + self._spreading(mistaken, own)) / len(originals)

    def _released(self, rows: Tensor) -> Tensor:
        others = rows.detach() if self.stop_gradient else rows
        logits = rows @ others.T / self.temperature
        order = torch.arange(len(rows), device=rows.device)
        own = order[:, None] == order
        positive = own.roll(len(rows) // 2, dims=1)
        weight = self.spread or 1.0
        weights = torch.full_like(logits, weight).masked_fill(positive, 1).masked_fill(own, 0)
        denominators = torch.logsumexp(logits + weights.log(), dim=1, keepdim=True)
        log_p = logits - denominators
        return -(log_p[positive].sum() + self._spreading(log_p, own | positive)) / len(rows)

    def _spreading(self, log_p: Tensor, left_out: Tensor) -> Tensor:
        """Return M times the sum of log(1 - p) over the pairs that are not left out."""
        log_p = log_p[~left_out].clamp(max=-torch.finfo(log_p.dtype).eps)
        return self.spread * torch.log(-torch.expm1(log_p)).sum()
