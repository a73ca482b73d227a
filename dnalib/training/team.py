"""Several processes that train one encoder: each encodes its part of every batch.

The parts are put together before the loss, so that every method sees whole batches, however many
processes there are. All processes therefore hold the same bank, neighbors, heads and weights at
every step; what they divide is the encoders' work. Started by ``accelerate launch`` or
``torchrun``, see docs/many-processes.md; without these there is one process, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, reduce
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dnalib.encoders import Batch

T = TypeVar("T")


class Team:
    """The processes of this launch.

    Attributes
    ----------
    size : int
        How many there are; 1 without a launcher.
    rank : int
        This one's number, from 0.
    own : slice
        This one's part of anything that is divided: every ``size``-th, so that parts of what is
        sorted by length are of like length.
    """

    def __init__(self):
        self._state = PartialState(cpu=not torch.cuda.is_available())
        self.size = self._state.num_processes
        self.rank = self._state.process_index
        self.own = slice(self.rank, None, self.size)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def require_divisible(self, encoder: nn.Module, n: int, batch_size: int) -> None:
        """Raise a ValueError unless the encoder may see every batch of n inputs in parts."""
        if self.size > 1 and any(isinstance(m, _BatchNorm) for m in encoder.modules()):
            raise ValueError(
                f"{type(encoder).__name__} has batch normalization, which needs whole batches: "
                f"expected none in {self.size} processes; take normalization='group'"
            )
        smallest = n % batch_size or batch_size
        if smallest < self.size:
            raise ValueError(
                f"batch_size is {batch_size}, which leaves a batch of {smallest} inputs of {n}: "
                f"expected at least {self.size}, one for each process; take another batch_size"
            )

    def encode(self, encoder: nn.Module, batch: Batch) -> Tensor:
        """Return the features ``(b, d)`` of the whole batch.

        Gradients flow through this process's own rows. They are multiplied by `size`, so that
        `average_gradients` gives the sum over all rows.
        """
        if self.size == 1:
            return encoder(batch)
        with self._own_dropout():
            features = encoder(batch.rows(self.own))
        whole = features.new_zeros(len(batch), features.shape[1])
        whole[self.own] = features.detach()
        whole = self.total(whole)
        if features.requires_grad:
            features.register_hook(lambda gradient: gradient * self.size)
            whole[self.own] = features
        return whole

    @contextmanager
    def _own_dropout(self) -> Iterator[None]:
        """Draw apart from the others here, and in step with them again afterwards."""
        seed = int(torch.randint(2**62, ())) + self.rank
        gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(gpus):
            torch.manual_seed(seed)
            yield

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.size == 1:
            return tensor
        return reduce(tensor.to(self._state.device), "sum").to(tensor.device)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over all processes, sent in one piece."""
        if self.size > 1:
            gradients = [p.grad for p in parameters if p.grad is not None]
            mean = self.total(parameters_to_vector(gradients)) / self.size
            vector_to_parameters(mean, gradients)

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns in the first process; it is called in no other."""
        if self.size == 1:
            return make()
        return broadcast_object_list([make() if self.is_first else None])[0]
