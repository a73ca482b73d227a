"""The one training loop: bank, momentum encoder, mining, views, checkpoints, history."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.optim.lr_scheduler import LambdaLR

from dnalib.encoders import Store, encode
from dnalib.neighbors import NeighborGraph
from dnalib.progress import headless, progress_bar
from dnalib.training import checkpoint
from dnalib.training.config import TrainingConfig
from dnalib.training.objective import Objective, Step, copy_encoder, seed_everything
from dnalib.training.team import Team
from dnalib.training.views import make_view

BUCKET_BATCHES = 16
"""Batches' worth of shuffled texts that are sorted by length together."""

REPORTED = ("loss", "kept_share", "precision", "acc", "seconds")
"""Columns of the history in the line an epoch that is printed where nobody watches."""


class Monitor(Protocol):
    """Looks on and scores; the only place where fine labels may be, and nothing learns from it."""

    def after_mining(self, graph: NeighborGraph) -> dict[str, float]:
        """Return columns for the history from this epoch's neighbors."""

    def after_epoch(self, encoder: nn.Module, epoch: int) -> dict[str, float]:
        """Return columns for the history from the encoder as it stands."""


class Trainer:
    """Trains an encoder in place, in one process or, if it was launched so, in several.

    Parameters
    ----------
    encoder : nn.Module
        A `TextEncoder`, `VectorEncoder` or `ConvEncoder`.
    store : Store
        The training inputs as the encoder prepared them.
    coarse : ndarray (n,) int64
        Coarse labels.
    objective : Objective
        The method's loss; its own weights are trained with the encoder's.
    config : TrainingConfig
    seed : int, default 0
        Decides batches, views and dropout.
    monitor : Monitor, optional
        Adds columns to the history.
    checkpoint_path : Path, optional
        Written at the end of each epoch, and resumed from if it is there.
    progress : bool, default True
        Show a bar, or a line an epoch where nobody watches.
    """

    def __init__(
        self,
        encoder: nn.Module,
        store: Store,
        coarse: np.ndarray,
        objective: Objective,
        config: TrainingConfig,
        *,
        seed: int = 0,
        monitor: Monitor | None = None,
        checkpoint_path: Path | None = None,
        progress: bool = True,
    ):
        _require_trainable(encoder)
        if len(coarse) != len(store):
            raise ValueError(
                f"there are {len(coarse)} coarse labels for {len(store)} inputs: expected one each"
            )
        self.encoder = encoder
        self.store = store
        self.coarse = torch.as_tensor(coarse)
        self.config = config
        self.seed = seed
        self.monitor = monitor
        self.checkpoint_path = checkpoint_path
        self.team = Team()
        self.team.require_divisible(encoder, len(store), config.batch_size)
        self.progress = progress and self.team.is_first
        self.device = next(encoder.parameters()).device
        self.objective = objective.to(self.device)
        self.momentum = _frozen_copy(encoder) if objective.needs_keys else None
        self.view = make_view(config.view, config.view_rate, encoder)
        self.optimizer = _make_optimizer(encoder, objective, config)
        self.scheduler = _make_scheduler(self.optimizer, config, self.steps_per_epoch)
        self.history: list[dict[str, float]] = []
        self.bank: Tensor | None = None
        self.graph: NeighborGraph | None = None
        self.fingerprint = ""
        if checkpoint_path is not None:
            labels = self.coarse.numpy()
            self.fingerprint = checkpoint.fingerprint(
                config, seed, store, labels, encoder, objective
            )

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, a last smaller one included."""
        return -(-len(self.store) // self.config.batch_size)

    def fit(self) -> pd.DataFrame:
        """Train all epochs that are not done yet; return the history, one row an epoch."""
        self._resume()
        done = len(self.history)
        total = self.config.epochs * self.steps_per_epoch
        with progress_bar(total, "training", "step", show=self.progress) as bar:
            bar.update(done * self.steps_per_epoch)
            for epoch in range(done, self.config.epochs):
                self.history.append(self._run_epoch(epoch, bar))
                self._report(self.history[-1])
                self._save()
        return pd.DataFrame(self.history)

    # --- one epoch, one step ---

    def _run_epoch(self, epoch: int, bar) -> dict[str, float]:
        started = time.perf_counter()
        generator = seed_everything(self.seed, epoch)
        row: dict[str, float] = {"epoch": epoch}
        if self.momentum is not None and epoch == self.config.pretrain_epochs:
            # Both encoders start from what was pretrained, as in the paper.
            self.momentum.load_state_dict(self.encoder.state_dict())
        if self.objective.needs_neighbors:
            self._mine(epoch)
        if self.graph is not None:
            row["kept_share"] = self.graph.kept_share
            if self.graph.search_recall < 1:
                row["search_recall"] = self.graph.search_recall
        self.encoder.train()
        self.objective.train()
        sums: dict[str, float] = defaultdict(float)
        for indices in self._batches(generator):
            for name, value in self._step(indices, generator).items():
                sums[name] += value / self.steps_per_epoch
            bar.update()
        row |= {"loss": sum(sums.values())} | {f"loss_{name}": sums[name] for name in sums}
        row["seconds"] = time.perf_counter() - started
        return row | self.team.from_first(lambda: self._look(epoch))

    def _mine(self, epoch: int) -> None:
        self.bank = self.team.total(encode(self.encoder, self.store, part=self.team.own))
        self.graph = self.objective.mine(self.bank.numpy(), self.coarse.numpy(), epoch)
        self.bank = self.bank.to(self.device)

    def _batches(self, generator: torch.Generator) -> list[Tensor]:
        """Shuffle, then sort by length within buckets, so that little is spent on padding."""
        size = self.config.batch_size
        order = torch.randperm(len(self.store), generator=generator)
        batches = []
        for bucket in order.split(size * BUCKET_BATCHES):
            by_length = torch.argsort(self.store.lengths[bucket], stable=True)
            batches.extend(bucket[by_length].split(size))
        return [batches[i] for i in torch.randperm(len(batches), generator=generator)]

    def _step(self, indices: Tensor, generator: torch.Generator) -> dict[str, float]:
        batch = self.view(self.store, indices, generator)
        features = self.team.encode(self.encoder, batch)
        keys = self._momentum_keys(batch)
        second = self._second_features(indices, generator)
        step = Step(
            indices=indices.to(self.device),
            queries=normalize(features),
            keys=keys,
            features=features,
            coarse=self.coarse[indices].to(self.device),
            bank=self.bank,
            graph=self.graph,
            second=None if second is None else normalize(second),
            batch=batch,
            second_features=second,
            epoch=len(self.history),
        )
        terms = self.objective(step)
        self._descend(sum(terms.values()))
        if keys is not None:
            self._update_momentum()
            if self.bank is not None:
                self.bank[step.indices] = keys
        self.objective.after_step(step)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _second_features(self, indices: Tensor, generator: torch.Generator) -> Tensor | None:
        if not self.objective.needs_second_view:
            return None
        return self.team.encode(self.encoder, self.view(self.store, indices, generator))

    @torch.no_grad()
    def _momentum_keys(self, batch) -> Tensor | None:
        if self.momentum is None:
            return None
        return normalize(self.team.encode(self.momentum, batch))

    def _descend(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise ValueError(
                f"the loss is {loss.item()} in epoch {len(self.history)}: expected a finite "
                f"number; lower learning_rate, which is {self.config.learning_rate}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.team.average_gradients(trained)
        nn.utils.clip_grad_norm_(trained, self.config.clip)
        self.optimizer.step()
        self.scheduler.step()

    @torch.no_grad()
    def _update_momentum(self) -> None:
        pairs = zip(self.momentum.parameters(), self.encoder.parameters(), strict=True)
        slow, fast = zip(*[(s, f) for s, f in pairs if f.requires_grad], strict=True)
        torch._foreach_lerp_(list(slow), list(fast), 1 - self.config.momentum)
        # Such as the statistics of batch normalization, which are running means already.
        for slow, fast in zip(self.momentum.buffers(), self.encoder.buffers(), strict=True):
            slow.copy_(fast)

    # --- looking on, saving, resuming ---

    def _look(self, epoch: int) -> dict[str, float]:
        if self.monitor is None:
            return {}
        mined = {} if self.graph is None else self.monitor.after_mining(self.graph)
        looked = mined | self.monitor.after_epoch(self.encoder, epoch)
        return {name: float(value) for name, value in looked.items()}  # NumPy's own is no float

    def _report(self, row: dict[str, float]) -> None:
        if self.progress and headless():
            shown = "  ".join(f"{name} {row[name]:.3g}" for name in REPORTED if name in row)
            print(f"epoch {row['epoch'] + 1}/{self.config.epochs}  {shown}", flush=True)

    def _save(self) -> None:
        if self.checkpoint_path is None or not self.team.is_first:
            return
        state = {
            "run": self.fingerprint,
            "history": self.history,
            "encoder": _state_without_frozen(self.encoder),
            "objective": _state_without_frozen(self.objective),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        if self.momentum is not None:
            names = set(state["encoder"])
            slow = self.momentum.state_dict()
            state["momentum"] = {name: slow[name] for name in names}
        checkpoint.save(self.checkpoint_path, state)

    def _resume(self) -> None:
        if self.checkpoint_path is None:
            return
        path, run = self.checkpoint_path, self.fingerprint
        state = self.team.from_first(lambda: checkpoint.load(path, run))
        if state is None:
            return
        self.history = state["history"]
        self._restore(self.encoder, state["encoder"], like=self.encoder)
        self._restore(self.objective, state["objective"], like=self.objective)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        if self.momentum is not None:
            self._restore(self.momentum, state["momentum"], like=self.encoder)

    def _restore(self, module: nn.Module, state: dict[str, Tensor], like: nn.Module) -> None:
        """Load what training changes in ``like``, all of it and nothing else."""
        if wrong := state.keys() ^ _state_without_frozen(like).keys():
            raise ValueError(
                f"checkpoint {self.checkpoint_path} lacks or adds parts of {type(like).__name__}: "
                f"{', '.join(sorted(wrong))}; delete it to start from the beginning"
            )
        module.load_state_dict(state, strict=False)  # what is frozen is not in it


def _require_trainable(encoder: nn.Module) -> None:
    if not any(p.requires_grad for p in encoder.parameters()):
        raise ValueError(
            f"no weight of {type(encoder).__name__} is trained: expected some; take "
            "trainable_layers=1 or more, or the method 'embeddings'"
        )


def _frozen_copy(encoder: nn.Module) -> nn.Module:
    """Return the momentum encoder: the same weights, no gradients, no dropout."""
    return copy_encoder(encoder).requires_grad_(False).eval()


def _state_without_frozen(module: nn.Module) -> dict[str, Tensor]:
    """Return what training changes: trained parameters, and buffers such as memories."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}


def _make_optimizer(
    encoder: nn.Module, objective: Objective, config: TrainingConfig
) -> torch.optim.AdamW:
    """Return AdamW; matrices alone have weight decay, and an objective may set rates apart."""
    rated = [(1.0, p) for p in encoder.parameters()]
    rated += [(objective.rate_factors.get(n, 1.0), p) for n, p in objective.named_parameters()]
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for factor, parameter in rated:
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups[factor * config.learning_rate, decay].append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": rate, "weight_decay": decay}
            for (rate, decay), members in groups.items()
        ],
        fused=True,
    )


def _make_scheduler(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, steps_per_epoch: int
) -> LambdaLR:
    total = config.epochs * steps_per_epoch
    rising = max(1, round(config.warmup * total))
    return LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, (total - step) / max(1, total - rising))
    )
