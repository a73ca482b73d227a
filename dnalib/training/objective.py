"""What a method gives to the training loop: an objective that sees one step at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.encoders import Batch, Store
from dnalib.neighbors import NeighborGraph
from dnalib.training.config import TrainingConfig


@dataclass(frozen=True)
class Task:
    """What an objective is built for.

    Attributes
    ----------
    dim : int
        Length of a feature.
    n_coarse : int
        Number of coarse labels.
    n : int
        Training texts.
    encoder : nn.Module or None
        What will be trained, at its start, for objectives that keep a copy of it.
    seed : int
        Of whatever the objective draws when it is built.
    reference : Store or None
        Prepared inputs that hold what is not of interest, for objectives that contrast with them.
    n_clusters : int or None
        Categories to discover, for objectives that assign texts to them.
    """

    dim: int
    n_coarse: int
    n: int
    encoder: nn.Module | None = None
    seed: int = 0
    reference: Store | None = None
    n_clusters: int | None = None

    def require_clusters(self) -> int:
        """Return ``n_clusters``; a ValueError asks for it if nobody has set it."""
        if self.n_clusters is None:
            raise ValueError(
                "n_clusters is None: expected the number of categories to discover; give it to Task"
            )
        return self.n_clusters


@dataclass(frozen=True)
class Step:
    """All that an objective may look at in one step; fine labels are not among it.

    Attributes
    ----------
    indices : Tensor (b,) int64
        The batch's texts.
    queries : Tensor (b, d)
        Unit features of the batch's view, with gradients.
    keys : Tensor (b, d)
        Unit features of the same view by the momentum encoder, detached.
    features : Tensor (b, d)
        The query features before normalization.
    coarse : Tensor (b,) int64
        Coarse labels; -1 where a row has none.
    bank : Tensor (n, d) or None
        Unit keys of all training texts, detached.
    graph : NeighborGraph or None
        The neighbors as mined before this epoch.
    second : Tensor (b, d) or None
        Unit features of another view of the same texts, with gradients.
    batch : Batch or None
        The view itself, as the encoder took it.
    second_features : Tensor (b, d) or None
        The features of ``second`` before normalization.
    epoch : int
        Epochs that were done before this one.
    """

    indices: Tensor
    queries: Tensor
    keys: Tensor | None
    features: Tensor
    coarse: Tensor
    bank: Tensor | None
    graph: NeighborGraph | None
    second: Tensor | None = None
    batch: Batch | None = None
    second_features: Tensor | None = None
    epoch: int = 0


class Objective(nn.Module):
    """Base of all objectives: `forward` takes a `Step` and returns named terms, to be summed.

    Attributes
    ----------
    needs_keys : bool
        Whether the loop keeps a momentum encoder, which encodes every batch as well.
    needs_neighbors : bool
        Whether the loop encodes all texts before every epoch and hands this bank to `mine`. With
        ``needs_keys`` the batch's keys replace its rows after each step.
    needs_second_view : bool
        Whether the loop encodes another view of every batch.
    needs_states : bool
        Whether a step's batch must hold what stands below the trained layers: no token ids.
    pretrains : bool
        Whether the first ``config.pretrain_epochs`` epochs are of the coarse cross-entropy alone.
    has_compat : bool
        Whether ``config.compat`` makes a difference.
    rate_factors : mapping
        By the name of a parameter, the multiple of ``config.learning_rate`` that it learns at, for
        points that have farther to go than weights; 1 where a name is not among them.
    """

    needs_keys = False
    needs_neighbors = False
    needs_second_view = False
    needs_states = False
    pretrains = False
    has_compat = False
    rate_factors: Mapping[str, float] = MappingProxyType({})

    def mine(self, bank: np.ndarray, coarse: np.ndarray, epoch: int) -> NeighborGraph | None:
        """Return this epoch's neighbors, given the refilled bank ``(n, d)``; None without any."""
        raise NotImplementedError(f"{type(self).__name__} needs neighbors but does not mine them")

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the loss terms of one step by name, each a scalar."""
        raise NotImplementedError

    def after_step(self, step: Step) -> None:
        """Update what the objective remembers, such as a queue, once the encoder was updated."""


class CoarseCrossEntropy(Objective):
    """Cross-entropy of the coarse labels: a linear head over the features, with dropout.

    Parameters
    ----------
    task : Task
    config : TrainingConfig
        Its ``coarse_weight`` scales the term.
    """

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.config = config
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(task.dim, task.n_coarse))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``ce``."""
        loss = F.cross_entropy(self.head(step.features), step.coarse)
        return {"ce": self.config.coarse_weight * loss}


def copy_encoder(encoder: nn.Module) -> nn.Module:
    """Return a copy with weights of its own where they are trained; frozen ones are shared."""
    frozen = {id(p): p for p in encoder.parameters() if not p.requires_grad}
    return copy.deepcopy(encoder, frozen)


def seed_everything(*seeds: int) -> torch.Generator:
    """Seed torch's global state (dropout) and return a generator (batches, views) from ``seeds``.

    One seed an epoch, derived from the run's seed and the epoch's number: a run that resumes at
    an epoch draws what the unbroken run would have drawn.
    """
    state = np.random.SeedSequence(seeds).generate_state(2, np.uint64)
    torch.manual_seed(int(state[0] >> 1))
    return torch.Generator().manual_seed(int(state[1] >> 1))
