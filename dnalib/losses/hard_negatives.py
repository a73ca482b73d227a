"""Hard negatives as NCL makes them: far unlabeled features mixed with labeled ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

SHARES = (1 / 3, 2 / 3)
"""Share of the unlabeled feature in a mix; one mix of each."""


@torch.no_grad()
def mix_hard_negatives(
    queries: Tensor,
    unlabeled: Tensor,
    labeled: Tensor,
    n_far: int,
    n_hard: int = 400,
    repeats: int = 5,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return ``(b, h, d)`` unit rows, the mixes most similar to each query, detached.

    A labeled feature is of a known class and an unlabeled one far from the query of another
    novel class: neither is a positive, nor is their mix. For each query the ``n_far`` farthest
    unlabeled features are each mixed with ``repeats`` random labeled ones, at 1:2 and at 2:1;
    of these ``2 * repeats * n_far`` candidates the ``n_hard`` most similar are returned.

    Parameters
    ----------
    queries : Tensor (b, d)
        Unit rows.
    unlabeled : Tensor (u, d)
        Unit rows of the unlabeled queue.
    labeled : Tensor (l, d)
        Unit rows of the labeled queue.
    n_far : int
        Farthest unlabeled features that are mixed; NCL has 50 for 5 novel classes, else 400.
        Of a shorter queue all are.
    n_hard : int, default 400
        Mixes returned for each query; fewer if there are fewer candidates.
    repeats : int, default 5
    generator : torch.Generator, optional
        Draws the labeled features; default torch's own.

    Notes
    -----
    The released code loops over samples. Its README warns that these negatives can make
    training collapse on CIFAR-10.

    References
    ----------
    Zhong et al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021.
    The shares are those of the released code; the paper's distribution of them is not verified.

    Examples
    --------
    >>> rows = torch.eye(3)
    >>> mix_hard_negatives(rows[:1], rows[1:2], rows[2:], n_far=1, n_hard=4).shape
    torch.Size([1, 4, 3])
    """
    for name, rows in (("unlabeled", unlabeled), ("labeled", labeled)):
        if not len(rows):
            raise ValueError(f"{name} holds no feature: expected at least one; fill the queue")
    for name, count in (("n_far", n_far), ("n_hard", n_hard), ("repeats", repeats)):
        if count < 1:
            raise ValueError(f"{name} is {count}: expected at least 1")
    similarity = queries @ unlabeled.T
    far = similarity.topk(min(n_far, len(unlabeled)), dim=1, largest=False).indices
    far = far.repeat(1, repeats * len(SHARES))
    drawn = torch.randint(len(labeled), far.shape, generator=generator).to(far.device)
    shares = queries.new_tensor(SHARES).repeat_interleave(far.shape[1] // len(SHARES))
    # The similarity of a mix follows from those of its parts, so that only the chosen are made.
    products = (unlabeled @ labeled.T)[far, drawn]
    norms = (shares**2 + (1 - shares) ** 2 + 2 * shares * (1 - shares) * products).sqrt()
    own, other = similarity.gather(1, far), (queries @ labeled.T).gather(1, drawn)
    mixed = (shares * own + (1 - shares) * other) / norms.clamp(min=1e-12)
    best = mixed.topk(min(n_hard, mixed.shape[1]), dim=1).indices
    part = shares[best][:, :, None]
    chosen = unlabeled[far.gather(1, best)], labeled[drawn.gather(1, best)]
    return normalize(part * chosen[0] + (1 - part) * chosen[1], dim=2)
