"""Run one method on one dataset under the one protocol."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from dnalib.clustering import cluster_and_score
from dnalib.datasets import CoarseDataset
from dnalib.encoders import (
    ConvEncoder,
    Store,
    VectorEncoder,
    encode,
    load_encoder,
    usual_device,
)
from dnalib.methods.registry import Method, get_method
from dnalib.neighbors import NeighborGraph, precision
from dnalib.training import Objective, Task, Trainer, TrainingConfig, seed_everything

MONITOR_STARTS = 3
"""k-means starts for the scores in a history where there are too many rows for Ward's method."""


@dataclass(frozen=True)
class Run:
    """What came of one run.

    Attributes
    ----------
    method : str
    dataset : str
    seed : int
    config : TrainingConfig
        Every setting, ``k`` resolved.
    scores : dict of str to float
        ``acc``, ``ari``, ``nmi`` of the test split, in percent; empty without fine labels.
    history : DataFrame
        One row an epoch: losses, kept share, precision of the neighbors as retrieved and as
        kept, test scores if asked for, seconds of training.
    train_features, test_features : ndarray (n, d)
        Unit features by the trained encoder.
    seconds : float
        Wall time of encoding, mining and training, without test scores; a look at the neighbors'
        precision after each mining is in it.
    encoder : nn.Module
        The trained encoder.
    objective : Objective or None
        The method's objective as trained, with its heads and memories.
    """

    method: str
    dataset: str
    seed: int
    config: TrainingConfig
    scores: dict[str, float]
    history: pd.DataFrame
    train_features: np.ndarray
    test_features: np.ndarray
    seconds: float
    encoder: nn.Module
    objective: Objective | None = None


def run(
    dataset: CoarseDataset,
    method: str | Method = "dna",
    *,
    seed: int = 0,
    encoder: str = "minilm",
    trainable_layers: int | str = 2,
    max_length: int = 64,
    evaluate_every: int = 0,
    watch: Callable[[np.ndarray], object] | None = None,
    checkpoint_dir: str | Path | None = None,
    progress: bool = True,
    **settings,
) -> Run:
    """Train ``method`` on the training split and score it on the test split.

    The protocol is DNA's: k-means with the true number of fine categories and 20 starts on the
    unit features of the test split; ACC by Hungarian assignment, ARI, NMI. Fine labels score, and
    their number sets ``n_clusters`` and the default ``k``; nothing else sees them.

    Parameters
    ----------
    dataset : CoarseDataset
    method : str or Method, default "dna"
        A name in `METHODS`, or a recipe that is not in it.
    seed : int, default 0
        Of training and of k-means.
    encoder : str, default "minilm"
        Of texts: as in `dnalib.encoders.load_encoder`. Of images: "conv" for a `ConvEncoder`,
        trained from scratch (give it a ``learning_rate`` of about 1e-3, and ``view="crop"``);
        otherwise an adapter over their pixels.
    trainable_layers, max_length
        As in `dnalib.encoders.TextEncoder`.
    evaluate_every : int, default 0
        Score the test split every so many epochs, for curves, by a k-means that starts from Ward's
        clusters and draws nothing; 0 scores at the end only.
    watch : callable, optional
        Called after every epoch with the unit features ``(n, d)`` of the training split as the
        encoder then stands, e.g. ``snapshots.append``.
    checkpoint_dir : path, optional
        Folder for this run's checkpoint; a killed run resumes from it to the same numbers.
    progress : bool, default True
    **settings
        Fields of `TrainingConfig`, over the method's own.

    Raises
    ------
    ValueError
        If the method or a setting is unknown, or the data has one coarse label only or fewer test
        rows than fine categories.

    Examples
    --------
    >>> from dnalib.datasets import load
    >>> result = run(load("pydocs"), "dna", seed=0)  # doctest: +SKIP
    >>> result.scores["acc"]  # doctest: +SKIP
    """
    recipe = get_method(method)
    config = resolve_config(recipe, dataset, settings)
    if dataset.kind == "text" and recipe.declares("needs_states"):
        _require_states(recipe, config, trainable_layers)
    if dataset.n_coarse < 2:
        raise ValueError(
            f"dataset {dataset.name!r} has {dataset.n_coarse} coarse label: expected at least 2; "
            "with one, there is nothing coarse to learn from"
        )
    if dataset.test.fine is not None and dataset.n_fine > len(dataset.test):
        raise ValueError(
            f"the test split of {dataset.name!r} has {len(dataset.test)} rows for {dataset.n_fine} "
            "fine categories: expected at least one of each; hold out more"
        )
    started = time.perf_counter()
    model = make_encoder(dataset, encoder, trainable_layers, max_length, seed)
    train_store = model.prepare(dataset.train.inputs, progress)
    test_store = model.prepare(dataset.test.inputs, progress)
    look_on = None if watch is None else lambda: watch(encode(model, train_store).numpy())
    monitor = _Onlooker(dataset, test_store, config, evaluate_every, seed, look_on)
    history, objective = pd.DataFrame(), None
    if recipe.objective is not None:
        seed_everything(seed)
        task = Task(
            dim=model.dim,
            n_coarse=dataset.n_coarse,
            n=len(dataset.train),
            encoder=model,
            seed=seed,
            n_clusters=number_of_categories(dataset),
        )
        objective = recipe.objective(task, config)
        history = Trainer(
            model,
            train_store,
            dataset.train.coarse,
            objective,
            config,
            seed=seed,
            monitor=monitor,
            checkpoint_path=_checkpoint_path(checkpoint_dir, dataset, recipe.name, seed),
            progress=progress,
        ).fit()
    train_features = encode(model, train_store).numpy()
    test_features = encode(model, test_store).numpy()
    seconds = time.perf_counter() - started - monitor.seconds
    return Run(
        method=recipe.name,
        dataset=dataset.name,
        seed=seed,
        config=config,
        scores=_final_scores(dataset, test_features, seed),
        history=history,
        train_features=train_features,
        test_features=test_features,
        seconds=seconds,
        encoder=model,
        objective=objective,
    )


def number_of_categories(dataset: CoarseDataset) -> int:
    """Return the true number of fine categories, as the protocol has it.

    Without fine labels nobody knows it; five a coarse label is a middling guess.
    """
    return dataset.n_fine or 5 * dataset.n_coarse


def resolve_config(method: Method, dataset: CoarseDataset, settings: dict) -> TrainingConfig:
    """Return the method's settings with the caller's over them and ``k`` made a number."""
    TrainingConfig.check_names(settings)
    config = TrainingConfig(**{**method.settings, **settings})
    if config.pretrain_epochs and not method.declares("pretrains"):
        raise ValueError(
            f"pretrain_epochs is {config.pretrain_epochs} but method {method.name!r} does not "
            "pretrain: expected 0; leave it out"
        )
    if config.compat and not method.declares("has_compat"):
        raise ValueError(
            f"compat is {config.compat!r} but method {method.name!r} has no such form: expected "
            "False; leave it out, or take 'dna'"
        )
    if config.pretrain_epochs >= config.epochs:
        raise ValueError(
            f"pretrain_epochs is {config.pretrain_epochs} of {config.epochs} epochs: expected "
            f"fewer, or {method.name!r} itself never trains; lower it or raise epochs"
        )
    n = len(dataset.train)
    if config.k is None:
        return replace(config, k=max(1, min(round(n / number_of_categories(dataset)), n - 1)))
    if not 1 <= config.k < n:
        raise ValueError(
            f"k is {config.k} but there are {n} training texts: expected 1 to {n - 1}; lower k"
        )
    return config


def _require_states(method: Method, config: TrainingConfig, trainable_layers: int | str) -> None:
    if config.view == "replace" or trainable_layers == "all":
        raise ValueError(
            f"method {method.name!r} was given view {config.view!r} and trainable_layers "
            f"{trainable_layers!r}: expected the view 'drop' and a number of layers, since it "
            "needs the stored states below them"
        )


def make_encoder(
    dataset: CoarseDataset,
    encoder: str,
    trainable_layers: int | str = 2,
    max_length: int = 64,
    seed: int = 0,
) -> nn.Module:
    """Return an encoder for the dataset's kind of input, on the GPU if there is one."""
    if dataset.kind == "text":
        model = load_encoder(encoder, trainable_layers=trainable_layers, max_length=max_length)
    elif encoder == "conv":
        model = ConvEncoder(dataset.train.inputs.shape[1:], seed=seed)
    else:
        model = VectorEncoder(int(np.prod(dataset.train.inputs.shape[1:])), seed=seed)
    return model.to(usual_device())


def _checkpoint_path(
    folder: str | Path | None, dataset: CoarseDataset, method: str, seed: int
) -> Path | None:
    return None if folder is None else Path(folder) / f"{dataset.name}-{method}-{seed}.pt"


def _final_scores(dataset: CoarseDataset, features: np.ndarray, seed: int) -> dict[str, float]:
    if dataset.test.fine is None:
        return {}
    return cluster_and_score(features, dataset.test.fine, n_clusters=dataset.n_fine, seed=seed)


class _Onlooker:
    """Neighbor precision after every mining; test scores and the caller's look where due."""

    def __init__(
        self,
        dataset: CoarseDataset,
        test_store: Store,
        config: TrainingConfig,
        evaluate_every: int,
        seed: int,
        look_on: Callable[[], object] | None = None,
    ):
        self.dataset = dataset
        self.test_store = test_store
        self.epochs = config.epochs
        self.every = evaluate_every
        self.seed = seed
        self.look_on = look_on
        self.seconds = 0.0

    def after_mining(self, graph: NeighborGraph) -> dict[str, float]:
        """Return the precision of the neighbors as retrieved and as kept."""
        fine = self.dataset.train.fine
        if fine is None:
            return {}
        unfiltered = replace(graph, keep=np.ones_like(graph.keep))
        return {
            "precision_retrieved": precision(unfiltered, fine),
            "precision": precision(graph, fine),
        }

    def after_epoch(self, encoder: nn.Module, epoch: int) -> dict[str, float]:
        """Call the caller's look; return the test scores where they are due."""
        started = time.perf_counter()
        if self.look_on is not None:
            self.look_on()
        scores = self._scores(encoder) if self._is_due(epoch) else {}
        self.seconds += time.perf_counter() - started
        return scores

    def _is_due(self, epoch: int) -> bool:
        if not self.every or self.dataset.test.fine is None:
            return False
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs

    def _scores(self, encoder: nn.Module) -> dict[str, float]:
        features = encode(encoder, self.test_store).numpy()
        return cluster_and_score(
            features,
            self.dataset.test.fine,
            n_clusters=self.dataset.n_fine,
            n_init=MONITOR_STARTS,
            seed=self.seed,
            start="auto",
        )
