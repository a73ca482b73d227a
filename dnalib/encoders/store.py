"""Prepared inputs: sequences of different length in one flat tensor, cut into padded batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What an encoder's ``forward`` takes.

    Attributes
    ----------
    values : Tensor
        ``(b, t)`` int64 token ids, ``(b, t, d)`` states of a frozen layer, ``(b, d)`` vectors, or
        ``(b, c, h, w)`` images.
    mask : Tensor or None
        ``(b, t)`` bool, True where a token counts; None for vectors and images.
    """

    values: Tensor
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, chosen: slice) -> Batch:
        """Return the inputs at ``chosen`` alone."""
        return Batch(self.values[chosen], None if self.mask is None else self.mask[chosen])

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        mask = None if self.mask is None else self.mask.to(device)
        return Batch(self.values.to(device), mask)


class RaggedStore:
    """n sequences laid end to end, so that padding is paid per batch and never stored.

    Parameters
    ----------
    values : Tensor
        ``(total,)`` token ids or ``(total, d)`` states, sequence after sequence.
    lengths : Tensor
        ``(n,)`` int64 tokens in each sequence.
    tokens : RaggedStore, optional
        The token ids that these states were computed from, for views that change tokens.
    """

    def __init__(self, values: Tensor, lengths: Tensor, tokens: RaggedStore | None = None):
        self.values = values
        self.lengths = lengths
        self.tokens = tokens
        self._starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])

    def __len__(self) -> int:
        return len(self.lengths)

    def positions(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return where each token of ``indices`` lies: flat positions and mask, ``(b, t)`` both."""
        lengths = self.lengths[indices]
        steps = torch.arange(int(lengths.max()))
        mask = steps < lengths[:, None]
        return (self._starts[indices][:, None] + steps) * mask, mask

    def batch(self, indices: Tensor) -> Batch:
        """Return the sequences at ``indices`` ``(b,)``, padded to the longest of them."""
        positions, mask = self.positions(indices)
        return Batch(self.values[positions], mask)

    def select(self, indices: Tensor) -> RaggedStore:
        """Return a store of the sequences at ``indices`` ``(m,)`` alone."""
        positions, mask = self.positions(indices)
        tokens = None if self.tokens is None else self.tokens.select(indices)
        return RaggedStore(self.values[positions[mask]], self.lengths[indices], tokens)


class VectorStore:
    """n given vectors ``(n, d)``, or images ``(n, c, h, w)``, behind the same interface."""

    tokens = None

    def __init__(self, values: Tensor):
        self.values = values
        self.lengths = torch.ones(len(values), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, indices: Tensor) -> Batch:
        """Return the vectors or images at ``indices`` ``(b,)``."""
        return Batch(self.values[indices])

    def select(self, indices: Tensor) -> VectorStore:
        """Return a store of the vectors at ``indices`` ``(m,)`` alone."""
        return VectorStore(self.values[indices])


Store = RaggedStore | VectorStore


def length_buckets(lengths: Tensor, batch_size: int) -> list[Tensor]:
    """Cut indices into batches of similar length, longest first.

    Longest first, so that a batch too large for memory fails at once and not at the end.
    """
    return list(torch.argsort(lengths, descending=True, stable=True).split(batch_size))
