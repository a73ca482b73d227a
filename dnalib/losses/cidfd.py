"""A reconstruction of cIDFD: IDFD that a reference set tells what is background."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses.checks import above_zero, one_of, same_shape
from dnalib.losses.idfd import feature_decorrelation
from dnalib.losses.memory import Memory


class CIDFDLoss(nn.Module):
    r"""Contrastive instance discrimination and decorrelation: **a reconstruction**.

    The authors' losses could not be found, nor any code of theirs; what stands here is our own
    reading of the abstract and of a patent application that may describe the same method. Results
    with it are not results of cIDFD.

    Two encoders see each target: :math:`s_i` is to hold what is salient, :math:`z_i` the
    background; the second one also sees reference inputs, which are background alone, as
    :math:`z^b_i`. With a memory (barred) of each,

    .. math::
        L = &-\frac{1}{b} \sum_i \log \mathrm{softmax}_j
               [(\bar s_j \cdot s_i + \sigma \bar z_j \cdot z_i) / \tau]_i
             -\frac{1}{r} \sum_i \log \mathrm{softmax}_j
               [\bar z^b_j \cdot z^b_i / \tau]_i \\
            &+ \lambda (FD([s, z]) + FD(z^b)) .

    The sign :math:`\sigma` is +1: targets on one background are alike in z, so the softmax makes
    them hard negatives for s, which must then hold what the background does not explain.

    Parameters
    ----------
    n, n_reference : int
        Target and reference inputs.
    dim : int
        Length of a feature.
    temperature : float, default 1.0
    decorrelation_temperature : float, default 2.0
    decorrelation_weight : float, default 1.0
    sign : {1, -1}, default 1
        The :math:`\sigma` of the formula.
    cross_block : bool, default True
        Decorrelate coordinates of s from those of z, which keeps s from copying z; otherwise
        FD(s) + FD(z) stands for FD([s, z]).
    stop_background : bool, default False
        No gradient from the first term to z, which then learns from FD and the reference set.
    momentum : float, default 0.5
        Of the memories.
    seed : int, default 0
        Of the memories' first, random directions.

    Notes
    -----
    *Relations*: with z and its memory constant, the first term is that of `IDFDLoss` on s; with
    ``cross_block=False`` so is the whole gradient of s.

    References
    ----------
    Enhancing the salient features of a target dataset in clustering (cIDFD), PAKDD 2024, of which
    the abstract was read; US patent application 2024/0095520; `IDFDLoss`.

    Examples
    --------
    >>> loss = CIDFDLoss(n=4, n_reference=2, dim=3)
    >>> rows, two = torch.eye(3), torch.tensor([0, 1])
    >>> loss(rows[:2], rows[1:], two, rows[:2], two).ndim
    0
    """

    def __init__(
        self,
        n: int,
        n_reference: int,
        dim: int,
        temperature: float = 1.0,
        decorrelation_temperature: float = 2.0,
        decorrelation_weight: float = 1.0,
        sign: int = 1,
        cross_block: bool = True,
        stop_background: bool = False,
        momentum: float = 0.5,
        seed: int = 0,
    ):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        self.decorrelation_temperature = above_zero(
            "decorrelation_temperature", decorrelation_temperature
        )
        self.decorrelation_weight = decorrelation_weight
        self.sign = one_of("sign", sign, (1, -1))
        self.cross_block = cross_block
        self.stop_background = stop_background
        self.salient = Memory(n, dim, momentum, seed)
        self.background = Memory(n, dim, momentum, seed + 1)
        self.reference = Memory(n_reference, dim, momentum, seed + 2)

    def forward(
        self,
        salient: Tensor,
        background: Tensor,
        indices: Tensor,
        reference: Tensor,
        reference_indices: Tensor,
    ) -> Tensor:
        """Return the loss, a scalar.

        Parameters
        ----------
        salient, background : Tensor (b, d)
            Unit rows of the targets by either encoder.
        indices : Tensor (b,) int64
            The targets they are of.
        reference : Tensor (r, d)
            Unit rows of reference inputs by the background encoder.
        reference_indices : Tensor (r,) int64
            The reference inputs they are of.
        """
        same_shape("salient", salient, "background", background)
        return self.discrimination(
            salient, background, indices, reference, reference_indices
        ) + self.decorrelation_weight * self.decorrelation(salient, background, reference)

    def discrimination(
        self,
        salient: Tensor,
        background: Tensor,
        indices: Tensor,
        reference: Tensor,
        reference_indices: Tensor,
    ) -> Tensor:
        """Return the two softmax terms, a scalar; parameters as in `forward`."""
        seen = background.detach() if self.stop_background else background
        similarity = _similarity(salient, self.salient)
        similarity = similarity + self.sign * _similarity(seen, self.background)
        similarity_b = _similarity(reference, self.reference)
        return F.cross_entropy(similarity / self.temperature, indices) + F.cross_entropy(
            similarity_b / self.temperature, reference_indices
        )

    def decorrelation(self, salient: Tensor, background: Tensor, reference: Tensor) -> Tensor:
        """Return the terms of feature decorrelation, unweighted, a scalar."""
        blocks = [salient, background]
        if self.cross_block:
            blocks = [torch.cat(blocks, dim=1)]
        return sum(
            feature_decorrelation(block, self.decorrelation_temperature)
            for block in [*blocks, reference]
        )

    def update(
        self,
        salient: Tensor,
        background: Tensor,
        indices: Tensor,
        reference: Tensor,
        reference_indices: Tensor,
    ) -> None:
        """Move all three memories towards new features; parameters as in `forward`."""
        self.salient.update(salient, indices)
        self.background.update(background, indices)
        self.reference.update(reference, reference_indices)


def _similarity(features: Tensor, memory: Memory) -> Tensor:
    return features @ memory.features.to(features).T
