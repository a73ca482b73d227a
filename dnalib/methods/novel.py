"""Novel class discovery: classes that are labeled help to find those that are not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from dnalib.clustering import score, score_over_seeds
from dnalib.datasets import CoarseDataset
from dnalib.encoders import Store, encode
from dnalib.encoders.store import length_buckets
from dnalib.methods.ncl import NCLObjective
from dnalib.training import (
    CoarseCrossEntropy,
    Objective,
    Task,
    Trainer,
    TrainingConfig,
    seed_everything,
)

ABLATION = {
    "baseline": {"contrast": 0.0, "supervised": 0.0},
    "+ NCL": {"supervised": 0.0},
    "+ supervised": {},
    "+ hard negatives": {"hard_negatives": True},
}
"""Rows of the paper's ablation, each with the terms of those above: options of `NCLObjective`."""

ASSIGN_BATCH = 256
KMEANS_SEEDS = 3
KMEANS_STARTS = 10


@dataclass(frozen=True)
class ClassSplit:
    """Which classes are known and which are to be discovered.

    Attributes
    ----------
    known, novel : tuple of int
        Fine ids.
    """

    known: tuple[int, ...]
    novel: tuple[int, ...]

    def labels(self, fine: np.ndarray) -> np.ndarray:
        """Return what a method may see of ``fine``, ``(n,)``: a place in `known`, or -1."""
        place = {label: position for position, label in enumerate(self.known)}
        return np.array([place.get(int(label), -1) for label in fine], dtype=np.int64)


def halve_classes(n_classes: int, seed: int | None = None) -> ClassSplit:
    """Split classes in two, the larger half known.

    Parameters
    ----------
    n_classes : int
    seed : int, optional
        Which classes are known is drawn with it; without one they are the first, as in NCL's
        experiments on CIFAR-10.

    Examples
    --------
    >>> halve_classes(4)
    ClassSplit(known=(0, 1), novel=(2, 3))
    """
    if n_classes < 2:
        raise ValueError(f"n_classes is {n_classes}: expected at least 2, one of them novel")
    order = np.arange(n_classes)
    if seed is not None:
        order = np.random.default_rng(seed).permutation(n_classes)
    middle = (n_classes + 1) // 2
    known, novel = (tuple(sorted(map(int, part))) for part in (order[:middle], order[middle:]))
    return ClassSplit(known, novel)


def turn(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each image turned by 0, 1, 2 and 3 quarters, and by how many.

    Parameters
    ----------
    images : ndarray (n, h, w) or (n, h, w, c), with h = w

    Returns
    -------
    turned : ndarray (4n, ...)
    quarters : ndarray (4n,) int64
    """
    turned = [np.rot90(images, quarters, axes=(1, 2)) for quarters in range(4)]
    return np.concatenate(turned), np.repeat(np.arange(4), len(images))


@dataclass(frozen=True)
class Joint:
    """What came of joint training.

    Attributes
    ----------
    encoder : nn.Module
    objective : NCLObjective
        With its two heads.
    history : DataFrame
        One row an epoch: the loss terms; ``acc``, that of the novel head; ``classes_used``.
    """

    encoder: nn.Module
    objective: NCLObjective
    history: pd.DataFrame


class NovelClassDiscovery:
    """The three stages of NCL on one dataset, each through the one training loop.

    Every stage trains `encoder` further. Stage 1, for images, tells by how many quarters an image
    was turned (RotNet), on all of them. Stage 2 classifies the known classes. Stage 3 trains both
    kinds of rows jointly (`NCLObjective`), on a copy, so that variants start from the same
    encoder. A row's class is looked at if it is known; of a novel row the method learns only that
    it is novel, as in the paper.

    Parameters
    ----------
    dataset : CoarseDataset
        With fine labels; coarse ones are not used.
    classes : ClassSplit
    encoder : nn.Module
        Trained in place by the first two stages.
    seed : int, default 0
        Of heads, batches, views, hard negatives and k-means.
    progress : bool, default True

    References
    ----------
    Zhong et al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021, and its
    released code. Gidaris et al., Unsupervised Representation Learning by Predicting Image
    Rotations, ICLR 2018.
    """

    def __init__(
        self,
        dataset: CoarseDataset,
        classes: ClassSplit,
        encoder: nn.Module,
        *,
        seed: int = 0,
        progress: bool = True,
    ):
        self.dataset = dataset
        self.classes = classes
        self.encoder = encoder
        self.seed = seed
        self.progress = progress
        self.labels = classes.labels(dataset.train.fine)
        self.novel = torch.from_numpy(np.flatnonzero(self.labels < 0))
        self.train = encoder.prepare(dataset.train.inputs, progress)
        self.test = encoder.prepare(dataset.test.inputs, progress)

    # --- the stages ---

    def learn_rotations(self, config: TrainingConfig) -> pd.DataFrame:
        """Run stage 1; return its history."""
        turned, quarters = turn(self.dataset.train.inputs)
        store = self.encoder.prepare(turned, self.progress)
        task = Task(dim=self.encoder.dim, n_coarse=4, n=len(store))
        return self._fit(self.encoder, store, quarters, CoarseCrossEntropy, task, config)[1]

    def learn_known(self, config: TrainingConfig) -> pd.DataFrame:
        """Run stage 2; return its history."""
        rows = np.flatnonzero(self.labels >= 0)
        store = self.train.select(torch.from_numpy(rows))
        task = Task(dim=self.encoder.dim, n_coarse=len(self.classes.known), n=len(rows))
        objective = CoarseCrossEntropy
        return self._fit(self.encoder, store, self.labels[rows], objective, task, config)[1]

    def learn_jointly(self, config: TrainingConfig, **options) -> Joint:
        """Run stage 3 on a copy of the encoder; ``options`` are those of `NCLObjective`."""
        encoder = copy.deepcopy(self.encoder)
        task = Task(
            dim=encoder.dim,
            n_coarse=len(self.classes.known),
            n=len(self.train),
            n_clusters=len(self.classes.novel),
        )

        def build(task: Task, config: TrainingConfig) -> NCLObjective:
            return NCLObjective(task, config, **options)

        objective, history = self._fit(encoder, self.train, self.labels, build, task, config)
        return Joint(encoder, objective, history)

    def _fit(
        self,
        encoder: nn.Module,
        store: Store,
        labels: np.ndarray,
        build: Callable[[Task, TrainingConfig], Objective],
        task: Task,
        config: TrainingConfig,
    ) -> tuple[Objective, pd.DataFrame]:
        seed_everything(self.seed)
        objective = build(task, config)
        watcher = _Watcher(self, objective) if isinstance(objective, NCLObjective) else None
        trainer = Trainer(
            encoder,
            store,
            labels,
            objective,
            config,
            seed=self.seed,
            monitor=watcher,
            progress=self.progress,
        )
        return objective, trainer.fit()

    # --- how well novel classes were found ---

    def score_features(self, encoder: nn.Module | None = None) -> dict[str, float]:
        """Return k-means on the novel rows' features, scored against their classes, in percent.

        The mean over three seeds of k-means: one alone can be several points off.

        Returns
        -------
        dict
            ``acc``, ``ari`` and ``nmi`` of the novel training rows, the unlabeled ones of the
            paper's protocol; ``test_acc`` and so on of the novel test rows.
        """
        encoder = encoder or self.encoder
        scores = {}
        splits = ("", self.train, self.dataset.train), ("test_", self.test, self.dataset.test)
        for prefix, store, split in splits:
            rows = np.flatnonzero(self.classes.labels(split.fine) < 0)
            features = encode(encoder, store.select(torch.from_numpy(rows))).numpy()
            seeds = range(self.seed, self.seed + KMEANS_SEEDS)
            found = score_over_seeds(features, split.fine[rows], n_init=KMEANS_STARTS, seeds=seeds)
            for name in ("acc", "ari", "nmi"):
                scores[prefix + name] = float(np.mean([row[name] for row in found]))
        return scores

    def score_head(self, encoder: nn.Module, objective: NCLObjective) -> dict[str, float]:
        """Return the novel head's assignment of the novel training rows, scored.

        Returns
        -------
        dict
            ``acc``, ``ari``, ``nmi`` in percent; ``classes_used``, the exponential of the entropy
            of the classes' shares: the number of classes if all are used alike, 1 if all rows
            went to one.
        """
        found = assign(encoder, objective.novel_head, self.train.select(self.novel))
        return score(self.dataset.train.fine[self.novel], found) | {
            "classes_used": effective_number(found)
        }

    def known_accuracy(self, encoder: nn.Module, objective: NCLObjective) -> float:
        """Return the percentage of known classes' test rows that the known head has right."""
        labels = self.classes.labels(self.dataset.test.fine)
        rows = np.flatnonzero(labels >= 0)
        found = assign(encoder, objective.known_head, self.test.select(torch.from_numpy(rows)))
        return 100 * float(np.mean(found == labels[rows]))


@torch.no_grad()
def assign(encoder: nn.Module, head: nn.Module, store: Store) -> np.ndarray:
    """Return the class that ``head`` finds most likely for each input, ``(n,)`` int64."""
    encoder.eval()
    found = torch.empty(len(store), dtype=torch.int64)
    for indices in length_buckets(store.lengths, ASSIGN_BATCH):
        found[indices] = head(encoder(store.batch(indices))).argmax(1).cpu()
    return found.numpy()


def effective_number(labels: np.ndarray) -> float:
    """Return the exponential of the entropy of the shares of ``labels (n,)``.

    Examples
    --------
    >>> round(effective_number(np.array([0, 0, 1, 1])), 6), effective_number(np.array([3, 3]))
    (2.0, 1.0)
    """
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(np.exp(-(shares * np.log(shares)).sum()))


class _Watcher:
    """Scores the novel head after each epoch."""

    def __init__(self, discovery: NovelClassDiscovery, objective: NCLObjective):
        self.discovery = discovery
        self.objective = objective

    def after_mining(self, graph) -> dict[str, float]:
        """Return nothing: NCL mines nothing before an epoch."""
        return {}

    def after_epoch(self, encoder: nn.Module, epoch: int) -> dict[str, float]:
        """Return the novel head's ``acc`` and ``classes_used``."""
        scores = self.discovery.score_head(encoder, self.objective)
        return {name: scores[name] for name in ("acc", "classes_used")}
