"""HIER: hierarchical proxies in hyperbolic space as common ancestors of data and of each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.hyperbolic import CLIP_RADIUS, CURVATURE, distance, to_ball
from dnalib.losses.ancestors import ancestor_hinges
from dnalib.losses.checks import above_zero, one_each
from dnalib.whole import require_whole

MIN_PROXIES = 4
"""Three in a triplet, one to be their ancestor."""


class HIERLoss(nn.Module):
    r"""Two near points have an ancestor nearer to both than one shared with a third.

    Proxies :math:`\rho` are learned. For a triplet of a point i, a mutual neighbor j and a point
    k that is none, :math:`\rho_{ij}` and :math:`\rho_{ijk}` are sampled as the proxies whose
    largest distance to the pair, and to the triple, is small; then

    .. math::
        \ell = [d(i, \rho_{ij}) - d(i, \rho_{ijk}) + \delta]_+
             + [d(j, \rho_{ij}) - d(j, \rho_{ijk}) + \delta]_+
             + [d(k, \rho_{ijk}) - d(k, \rho_{ij}) + \delta]_+ ,

    0 where both are the same proxy. L is the mean over triplets of the batch plus that over
    triplets of proxies; d is the distance in the Poincaré ball (`dnalib.hyperbolic`).

    Parameters
    ----------
    dim : int
        Length of a point.
    n_proxies : int, default 512
        At least 4.
    neighbors : int, default 20
        Nearest points of each point, itself among them, of which mutual ones are taken. Where no
        more points, or no more proxies, are there than this, all are mutual neighbors of all: no
        triplet can be made of them, and their term is 0.
    draws : int, default 50
        Triplets of each anchor, with replacement.
    margin : float, default 0.1
        The :math:`\delta` of the formula.
    temperature : float, default 0.1
        Of the softmax that ancestors are sampled by.
    c : float, default 0.1
        Minus the curvature.
    radius : float, default 2.3
        Longest vector before it is mapped into the ball.
    seed : int, default 0
        Of the proxies' start.

    Notes
    -----
    A regularizer: add it to a metric loss (the paper's weights are 1 and 0.5).

    Three things are not as released: k = i is excluded, a proxy is never an ancestor of itself, and
    the gradients of proxies are those of the formula, without the Riemannian scaling of `to_ball`
    (that of the points is up to whoever maps them). A neighbor that is one in one direction only
    may be k, as there.

    *Relations*: no other loss here has learned points besides the data; the released code's
    metric losses are in pytorch-metric-learning.

    References
    ----------
    Kim et al., HIER: Metric Learning Beyond Class Labels via Hierarchical Regularization,
    CVPR 2023, and its released code.

    Examples
    --------
    >>> loss = HIERLoss(dim=2, n_proxies=8, neighbors=3)
    >>> points = to_ball(torch.tensor([[0.1, 0.0], [0.2, 0.0], [0.3, 0.0], [0.0, 2.0]]))
    >>> bool(loss(points, generator=torch.Generator().manual_seed(0)) > 0)
    True
    """

    def __init__(
        self,
        dim: int,
        n_proxies: int = 512,
        neighbors: int = 20,
        draws: int = 50,
        margin: float = 0.1,
        temperature: float = 0.1,
        c: float = CURVATURE,
        radius: float = CLIP_RADIUS,
        seed: int = 0,
    ):
        super().__init__()
        require_whole("n_proxies", n_proxies, MIN_PROXIES)
        self.neighbors = require_whole("neighbors", neighbors, 1)
        self.draws = require_whole("draws", draws, 1)
        self.margin = margin
        self.temperature = above_zero("temperature", temperature)
        self.c = above_zero("c", c)
        self.radius = above_zero("radius", radius)
        start = torch.randn(n_proxies, dim, generator=torch.Generator().manual_seed(seed))
        self.vectors = nn.Parameter(start / dim**0.5 * 0.9 * radius)

    @property
    def proxies(self) -> Tensor:
        """The proxies in the ball, ``(n_proxies, dim)``."""
        return to_ball(self.vectors, self.c, self.radius)

    def forward(
        self,
        points: Tensor,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the loss, a scalar; 0 where no triplet can be made.

        Parameters
        ----------
        points : Tensor (b, dim)
            In the ball: `dnalib.hyperbolic.to_ball`.
        labels : Tensor (b,) int64, optional
            Points of one label count as more similar than any others.
        generator : torch.Generator, optional
            Draws triplets and ancestors; default torch's own.
        """
        proxies = self.proxies.to(points)
        similarity = torch.exp(-distance(points, points, self.c)).detach()
        if labels is not None:
            one_each("labels", labels, "points", points)
            similarity = similarity + (labels[:, None] == labels)
        to_proxies = distance(points, proxies, self.c)
        among = distance(proxies, proxies, self.c)
        own = torch.eye(len(among), dtype=torch.bool, device=among.device)
        return self._term(similarity, to_proxies, generator) + self._term(
            -among.detach(), among, generator, own
        )

    def _term(
        self,
        similarity: Tensor,
        distances: Tensor,
        generator: torch.Generator | None,
        own: Tensor | None = None,
    ) -> Tensor:
        """Return the mean over triplets of points, given their distances to proxies ``(n, p)``.

        ``own (n, p)`` marks the proxies that are the point itself.
        """
        triplets = sample_triplets(similarity, self.neighbors, self.draws, generator)
        if not len(triplets):
            return distances.sum() * 0
        return ancestor_hinges(
            distances,
            triplets,
            margin=self.margin,
            temperature=self.temperature,
            own=own,
            generator=generator,
        )


def sample_triplets(
    similarity: Tensor, neighbors: int, draws: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw triplets (anchor, mutual neighbor, other) with replacement, ``(t, 3)`` int64.

    Points with fewer than two mutual neighbors, or with no other, anchor none.

    Parameters
    ----------
    similarity : Tensor (n, n)
        The most similar ``neighbors`` of each row are its neighbors, the row itself among them.
    neighbors : int
    draws : int
        Triplets of each anchor.
    generator : torch.Generator, optional
    """
    n = len(similarity)
    near = torch.zeros_like(similarity, dtype=torch.bool)
    near.scatter_(1, similarity.topk(min(neighbors, n), dim=1).indices, True)
    own = torch.eye(n, dtype=torch.bool, device=similarity.device)
    mutual = near & near.T & ~own
    others = ~mutual & ~own
    anchors = ((mutual.sum(1) > 1) & others.any(1)).nonzero().ravel()
    if not len(anchors):
        return anchors.new_empty(0, 3)
    drawn = [
        torch.multinomial(allowed[anchors].float().cpu(), draws, True, generator=generator)
        for allowed in (mutual, others)
    ]
    parts = [anchors.repeat_interleave(draws), *(d.ravel().to(anchors.device) for d in drawn)]
    return torch.stack(parts, dim=1)
