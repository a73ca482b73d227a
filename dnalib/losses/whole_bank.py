"""The loss of DNA over all keys of a bank, with its gradient by hand: two products and one softmax.

`dnalib.losses.dna.neighborhood_nll` is the same in plain operations, and what the tests compare
with. This one takes half of its time and memory, see `benchmarks/loss.py`.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class WholeBankNLL(Function):
    r"""Each query's :math:`\log \sum_k e^{q \cdot h_k / \tau} - \sum_j w_j q \cdot h_j / \tau`.

    Its gradient is one product, the softmax less the weights of the positives times the keys:
    :math:`\sum_k (p_k - w_k) h_k / \tau`. Keys get none.
    """

    @staticmethod
    def forward(
        ctx,
        queries: Tensor,
        keys: Tensor,
        positives: Tensor,
        weights: Tensor,
        self_index: Tensor | None,
        temperature: float,
    ) -> Tensor:
        """Return ``(b,)``; ``weights (b, p)`` are 0 where ``positives`` is -1, and sum to 1."""
        with fastest_product():
            logits = (queries / temperature) @ keys.T
        places = positives.clamp(min=0)
        positive_logits = logits.gather(1, places)
        if self_index is not None:
            logits[torch.arange(len(logits), device=logits.device), self_index] = -torch.inf
        shares = logits.softmax(1)
        # The largest share is the largest logit's, which gives the logarithm of the denominator.
        log_denominators = logits.amax(1) - shares.amax(1).log()
        ctx.save_for_backward(shares.scatter_add_(1, places, -weights), keys)
        ctx.temperature = temperature
        return log_denominators - (positive_logits * weights).sum(1)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient at the queries, ``(b, d)``, given those at the losses ``(b,)``."""
        surplus, keys = ctx.saved_tensors
        with fastest_product():
            towards_keys = surplus @ keys
        return towards_keys * (gradients / ctx.temperature)[:, None], None, None, None, None, None


@contextmanager
def fastest_product() -> Iterator[None]:
    """Let oneDNN compute float32 products on a CPU: on AMD's twice as fast as MKL, PyTorch's own.

    The setting that asks for oneDNN also allows it to round inputs to bfloat16, which it does on
    processors with units for that (Intel's AMX, and ARM's). There PyTorch's own choice is left to
    do it, so that products are exact to float32 everywhere.
    """
    products = torch.backends.mkldnn.matmul
    before = products.fp32_precision
    if platform.machine() in ("x86_64", "AMD64") and not torch.cpu._is_amx_tile_supported():
        products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = before
