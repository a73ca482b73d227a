"""Transformer layers over texts of different length laid end to end, so that padding costs nothing.

Nearly all of a layer is done to each token by itself; only attention has to know which tokens are
of one text. So layers run over all tokens of a batch in one row, and attention alone puts each
text's into a row of its own and takes them out again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:  # half of the time that importing dnalib would take
    from transformers import PreTrainedModel

ATTENTION = "dnalib_packed"


class Packing:
    """The tokens of a batch that count: n of them, in b texts of at most w.

    Parameters
    ----------
    mask : Tensor (b, t)
        Where a token counts: anywhere, but at least one in each text.

    Attributes
    ----------
    lengths, first : Tensor (b,)
        Each text's tokens that count, and the place of the first of them among all n.
    rows : Tensor (n,)
        Which text a token is of.
    """

    def __init__(self, mask: Tensor):
        self.lengths = mask.sum(1)
        self.first = self.lengths.cumsum(0) - self.lengths
        self.shape = len(mask), int(self.lengths.max())
        self.rows, columns = mask.nonzero(as_tuple=True)
        ranks = torch.arange(len(self.rows), device=mask.device) - self.first[self.rows]
        self._taken = self.rows * mask.shape[1] + columns
        self._places = self.rows * self.shape[1] + ranks
        absent = torch.arange(self.shape[1], device=mask.device) >= self.lengths[:, None]
        # What attention adds to its logits, (b, 1, 1, w): the same for every head and query.
        self.bias = absent[:, None, None, :].float() * torch.finfo(torch.float32).min

    def pack(self, padded: Tensor) -> Tensor:
        """Return the tokens that count, ``(n, d)``, of ``(b, t, d)``."""
        return padded.flatten(0, 1).index_select(0, self._taken)

    def spread(self, packed: Tensor) -> Tensor:
        """Return ``(b, w, d)`` of ``(n, d)``, each text from the left, zeros behind it."""
        b, w = self.shape
        rows = packed.new_zeros(b * w, packed.shape[1]).index_copy(0, self._places, packed)
        return rows.view(b, w, -1)

    def gather(self, spread: Tensor) -> Tensor:
        """Return ``(n, d)`` of ``(b, w, d)``: what `spread` did, undone."""
        return spread.flatten(0, 1).index_select(0, self._places)

    def mean(self, packed: Tensor) -> Tensor:
        """Return the mean over each text's tokens, ``(b, d)``."""
        sums = packed.new_zeros(self.shape[0], packed.shape[1]).index_add(0, self.rows, packed)
        return sums / self.lengths[:, None]


def run_layers(layers: nn.ModuleList, hidden: Tensor, packing: Packing) -> Tensor:
    """Return what ``layers`` of a model that `pack_attention` has seen make of ``(n, d)``."""
    hidden = hidden[None]
    for layer in layers:
        hidden = layer(hidden, None, packing=packing)
    return hidden[0]


def pack_attention(model: PreTrainedModel) -> bool:
    """Have the model's attention take packed tokens; False where it cannot be told to."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)
    model.set_attn_implementation(ATTENTION)
    return model.config._attn_implementation == ATTENTION


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    packing: Packing,
    scaling: float,
    dropout: float = 0.0,
    **_: object,
) -> tuple[Tensor, None]:
    """Attend within each text, as transformers' eager attention does: ``(1, heads, n, d)`` each."""
    heads = query.shape[1]
    query, key, value = (_by_text(each, packing) for each in (query, key, value))
    shares = F.softmax(query @ key.transpose(2, 3) * scaling + packing.bias, dim=-1)
    shares = F.dropout(shares, dropout, module.training)
    attended = packing.gather((shares @ value).transpose(1, 2).flatten(2))
    return attended.unflatten(1, (heads, -1))[None], None


def _by_text(heads: Tensor, packing: Packing) -> Tensor:
    """Return ``(b, heads, w, d)`` of ``(1, heads, n, d)``."""
    rows = packing.spread(heads[0].transpose(0, 1).flatten(1))
    return rows.unflatten(2, (heads.shape[1], -1)).transpose(1, 2)
