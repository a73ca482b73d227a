"""Views: the random changes of a batch that a method asks features to be invariant to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from dnalib.encoders import Batch, Store
from dnalib.training.config import IMAGE_PARTS
from dnalib.training.images import augment

View = Callable[[Store, Tensor, torch.Generator], Batch]
"""Takes prepared inputs, the batch's indices ``(b,)`` and a generator; returns a changed batch."""


def make_view(name: str, rate: float, encoder: nn.Module) -> View:
    """Return the view ``name`` of `TrainingConfig`, at ``rate``, for inputs of ``encoder``."""
    if name == "none" or rate == 0:
        return lambda store, indices, generator: store.batch(indices)
    if name == "drop":
        return lambda store, indices, generator: drop(store.batch(indices), rate, generator)
    if name.startswith("crop"):
        return _ImageView(rate, left_out=name.split("-")[1:])
    return _TokenReplacement(encoder, rate)


def drop(batch: Batch, rate: float, generator: torch.Generator) -> Batch:
    """Hide a share of the tokens, never the first; of given vectors, hide coordinates.

    Hidden tokens take part in neither attention nor pooling, so nothing below the trainable
    layers is computed again.
    """
    if batch.mask is None:
        keep = torch.rand(batch.values.shape, generator=generator) >= rate
        return replace(batch, values=batch.values * keep)
    keep = torch.rand(batch.mask.shape, generator=generator) >= rate
    keep[:, 0] = True
    return replace(batch, mask=batch.mask & keep)


class _ImageView:
    """Crop, move and recolor images, as `augment` has it, leaving some parts of that out."""

    def __init__(self, strength: float, left_out: Sequence[str]):
        self.strength = strength
        self.parts = frozenset(IMAGE_PARTS) - set(left_out)

    def __call__(self, store: Store, indices: Tensor, generator: torch.Generator) -> Batch:
        batch = store.batch(indices)
        if batch.values.ndim != 4:
            raise ValueError(
                f"view 'crop' needs images but a batch has the shape {tuple(batch.values.shape)}: "
                "take a dataset of images and encoder='conv'"
            )
        return replace(batch, values=augment(batch.values, self.strength, generator, self.parts))


class _TokenReplacement:
    """The paper's view: a share of the tokens is chosen, nine in ten become a random token.

    Special tokens are neither replaced nor drawn (the released code draws them too).
    """

    KEPT_SHARE = 0.1

    def __init__(self, encoder: nn.Module, rate: float):
        tokenizer = getattr(encoder, "tokenizer", None)
        if tokenizer is None:
            raise ValueError(
                f"view 'replace' needs tokens but {type(encoder).__name__} has none: "
                "take view='drop'"
            )
        special = torch.tensor(tokenizer.all_special_ids)
        vocabulary = torch.arange(len(tokenizer))
        self.special = special
        self.ordinary = vocabulary[~torch.isin(vocabulary, special)]
        self.rate = rate * (1 - self.KEPT_SHARE)

    def __call__(self, store: Store, indices: Tensor, generator: torch.Generator) -> Batch:
        batch = (store.tokens or store).batch(indices)
        drawn = torch.randint(len(self.ordinary), batch.values.shape, generator=generator)
        chosen = torch.rand(batch.values.shape, generator=generator) < self.rate
        chosen &= ~torch.isin(batch.values, self.special)
        return replace(batch, values=torch.where(chosen, self.ordinary[drawn], batch.values))
