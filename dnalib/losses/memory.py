"""Features kept between steps: one slot an instance, or a first-in first-out queue."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.losses.checks import share
from dnalib.whole import require_whole


class Memory(nn.Module):
    r"""One unit vector an instance, moved towards each new feature of it.

    .. math:: \bar v_i \leftarrow \mathrm{norm}(\mu \bar v_i + (1 - \mu) v_i)

    Parameters
    ----------
    n : int
        Instances.
    dim : int
        Length of a feature.
    momentum : float, default 0.5
        The :math:`\mu` of the formula: 0 keeps the newest feature only.
    seed : int, default 0
        Of the random directions that the memory starts from.

    Notes
    -----
    The released code of IDFD starts from vectors that are not unit, and updates inside the
    backward pass; here every row is unit from the start and `update` is called by the caller.

    Examples
    --------
    >>> memory = Memory(3, 2, momentum=0.0)
    >>> memory.update(torch.tensor([[0.0, 2.0]]), torch.tensor([1]))
    >>> memory.features[1]
    tensor([0., 1.])
    """

    def __init__(self, n: int, dim: int, momentum: float = 0.5, seed: int = 0):
        super().__init__()
        self.momentum = share("momentum", momentum)
        require_whole("n", n, 1)
        rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("features", normalize(rows))

    @torch.no_grad()
    def update(self, features: Tensor, indices: Tensor) -> None:
        """Move the slots ``indices (b,)`` towards ``features (b, d)``."""
        moved = torch.lerp(features.to(self.features), self.features[indices], self.momentum)
        self.features[indices] = normalize(moved)


class FeatureQueue(nn.Module):
    """The last ``size`` features, first in first out, each with a label.

    Parameters
    ----------
    size : int
        Slots.
    dim : int
        Length of a feature.

    Notes
    -----
    Slots that were never filled take part in nothing; released codes often start from zeros or
    noise instead.

    Examples
    --------
    >>> queue = FeatureQueue(2, 1)
    >>> queue.update(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 1, 0]))
    >>> queue.features.ravel(), queue.labels
    (tensor([3., 2.]), tensor([0, 1]))
    """

    def __init__(self, size: int, dim: int):
        super().__init__()
        require_whole("size", size, 1)
        self.register_buffer("slots", torch.zeros(size, dim))
        self.register_buffer("slot_labels", torch.full((size,), -1))
        self.register_buffer("enqueued", torch.tensor(0))

    def __len__(self) -> int:
        return min(int(self.enqueued), len(self.slots))

    @property
    def features(self) -> Tensor:
        """The filled slots, ``(len(self), d)``."""
        return self.slots[: len(self)]

    @property
    def labels(self) -> Tensor:
        """Labels of the filled slots, ``(len(self),)`` int64; -1 where none was given."""
        return self.slot_labels[: len(self)]

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor | None = None) -> None:
        """Put ``features (b, d)``, and ``labels (b,)`` if they have any, over the oldest."""
        size = len(self.slots)
        # Of more features than slots only the last are written: no slot twice, in no set order.
        dropped = max(0, len(features) - size)
        order = torch.arange(dropped, len(features), device=self.slots.device)
        places = (int(self.enqueued) + order) % size
        self.slots[places] = features[dropped:].to(self.slots)
        self.slot_labels[places] = -1 if labels is None else labels[dropped:]
        self.enqueued += len(features)
