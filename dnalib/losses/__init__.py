"""The losses, one a file."""

from dnalib.losses.dna import DNALoss

__all__ = ["DNALoss"]
