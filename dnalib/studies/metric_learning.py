"""Metric learning by its own protocol: train on some classes, retrieve within the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

from dnalib.datasets import CoarseDataset, load, only, pooled
from dnalib.encoders import embed, encode
from dnalib.hierarchy import (
    chance_purity,
    dendrogram_purity,
    linkage_tree,
    meeting_tree,
    proxy_tree,
)
from dnalib.hyperbolic import CLIP_RADIUS, to_ball
from dnalib.methods import get_method, make_encoder
from dnalib.methods.hier import MetricObjective
from dnalib.retrieval import recall_at_k
from dnalib.studies.study import Study
from dnalib.training import Step, Task, Trainer, TrainingConfig, seed_everything

METRIC_METHODS = (
    "proxy-anchor",
    "proxy-anchor-hier",
    "multi-similarity",
    "multi-similarity-hier",
)
SETTINGS = {
    "vector": {"epochs": 8, "learning_rate": 3e-4, "view_rate": 0.1},
    "image": {"epochs": 12, "learning_rate": 1e-3, "view": "crop-flip-jitter-gray"},
}
"""By kind of input; the same for every method, chosen on Proxy-Anchor without HIER."""


@dataclass(frozen=True)
class MetricRun:
    """What came of one run.

    Attributes
    ----------
    method : str
    seed : int
    recall : dict of int to float
        R@k within the unseen classes by cosine, in percent.
    vectors : ndarray (n, d)
        Of the unseen rows, before they are mapped into the ball.
    labels : ndarray (n,) int64
        Classes of the unseen rows.
    proxies, start : ndarray (p, d) or None
        HIER's proxies in the ball after and before training.
    history : DataFrame
    cpu_seconds : float
        Of training.
    encoder, objective : nn.Module
        As trained.
    """

    method: str
    seed: int
    recall: dict[int, float]
    vectors: np.ndarray
    labels: np.ndarray
    proxies: np.ndarray | None
    start: np.ndarray | None
    history: pd.DataFrame
    cpu_seconds: float
    encoder: nn.Module
    objective: MetricObjective

    @property
    def clipped_share(self) -> float:
        """Share of the unseen rows that the ball's clip shortens: these lie on one sphere."""
        return float((np.linalg.norm(self.vectors, axis=1) > CLIP_RADIUS).mean())

    @property
    def centers(self) -> np.ndarray:
        """Mean vector of each unseen class, in the ball, ``(n_classes, d)``."""
        means = [self.vectors[self.labels == label].mean(0) for label in np.unique(self.labels)]
        return to_ball(torch.from_numpy(np.stack(means))).numpy()


def with_embeddings(dataset: CoarseDataset, encoder: str = "minilm") -> CoarseDataset:
    """Return the dataset with each text replaced by its embedding as it comes; others as given."""
    if dataset.kind != "text":
        return dataset
    train, test = (
        replace(split, inputs=embed(split.inputs, encoder))
        for split in (dataset.train, dataset.test)
    )
    return replace(dataset, kind="vector", train=train, test=test)


def split_classes(dataset: CoarseDataset) -> tuple[CoarseDataset, CoarseDataset]:
    """Return the dataset of every other fine category of each coarse one, and of the rest.

    Examples
    --------
    >>> from dnalib.datasets import load
    >>> seen, unseen = split_classes(load("digits"))
    >>> seen.fine_names, unseen.fine_names
    (('0', '1', '3', '6', '7', '9'), ('2', '4', '5', '8'))
    """
    parents = dataset.parents
    seen = np.concatenate([np.flatnonzero(parents == c)[::2] for c in range(dataset.n_coarse)])
    unseen = np.setdiff1d(np.arange(dataset.n_fine), seen)
    return only(dataset, seen.tolist()), only(dataset, unseen.tolist())


def train_metric(
    seen: CoarseDataset,
    unseen: CoarseDataset,
    method: str = "proxy-anchor-hier",
    *,
    seed: int = 0,
    weight: float | None = None,
    progress: bool = True,
    **settings,
) -> MetricRun:
    """Train on the fine labels of ``seen``, both splits, and retrieve within ``unseen``.

    An adapter over given vectors, or a convolutional network from scratch over images.

    Parameters
    ----------
    seen, unseen : CoarseDataset
        Of vectors or images: `with_embeddings`, `split_classes`.
    method : str, default "proxy-anchor-hier"
        One of `METRIC_METHODS`.
    seed : int, default 0
    weight : float, optional
        Of HIER, in place of the method's own.
    progress : bool, default True
    **settings
        Fields of `TrainingConfig`, over those of `SETTINGS`.

    Raises
    ------
    ValueError
        If the method is none of metric learning, or the inputs are texts.
    """
    if method not in METRIC_METHODS or seen.kind not in SETTINGS:
        raise ValueError(
            f"method {method!r} was asked on inputs of the kind {seen.kind!r}: expected one of "
            f"{', '.join(METRIC_METHODS)} on one of {', '.join(SETTINGS)}"
        )
    config = TrainingConfig(**{**SETTINGS[seen.kind], **settings})
    rows = pooled(seen)
    encoder = make_encoder(seen, "conv" if seen.kind == "image" else "minilm", seed=seed)
    store = encoder.prepare(rows.inputs, progress)
    seed_everything(seed)
    task = Task(encoder.dim, seen.n_fine, len(rows), encoder, seed)
    own = {} if weight is None else {"weight": weight}
    objective = get_method(method).objective(task, config, **own)
    start = _proxies(objective)
    before = time.process_time()
    history = Trainer(
        encoder, store, rows.fine, objective, config, seed=seed, progress=progress
    ).fit()
    cpu_seconds = time.process_time() - before
    vectors, labels = _project(encoder, objective, unseen)
    return MetricRun(
        method=method,
        seed=seed,
        recall=recall_at_k(normalize(torch.from_numpy(vectors)).numpy(), labels),
        vectors=vectors,
        labels=labels,
        proxies=_proxies(objective),
        start=start,
        history=history,
        cpu_seconds=cpu_seconds,
        encoder=encoder,
        objective=objective,
    )


def pulls(run: MetricRun, seen: CoarseDataset, batch_size: int = 64) -> dict[str, float]:
    """Return how strongly each term of a trained objective still pulls at the features.

    The norm of its gradient by the unit features of a batch, mean over all batches of ``seen``.
    """
    seed_everything(run.seed)  # HIER draws its triplets
    rows = pooled(seen)
    store = run.encoder.prepare(rows.inputs, False)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(run.seed))
    device = next(run.objective.parameters()).device
    features, labels = (
        rows_of[order].to(device)
        for rows_of in (encode(run.encoder, store), torch.from_numpy(rows.fine))
    )
    norms = []
    for queries, classes in zip(features.split(batch_size), labels.split(batch_size), strict=True):
        queries = queries.requires_grad_()
        terms = run.objective(Step(classes, queries, None, queries, classes, None, None))
        norms.append(
            {
                n: torch.autograd.grad(t, queries, retain_graph=True)[0].norm().item()
                for n, t in terms.items()
            }
        )
    return {name: float(np.mean([norm[name] for norm in norms])) for name in norms[0]}


def tree_purities(run: MetricRun, parents: np.ndarray) -> dict[str, float]:
    """Return in percent how pure trees over the unseen classes are by their coarse categories.

    Coarse labels were never seen: what a tree knows of them it has found.

    Parameters
    ----------
    run : MetricRun
    parents : ndarray (n_classes,) int64
        Coarse category of each unseen class.

    Returns
    -------
    dict of str to float
        ``linkage``, average linkage on the classes' centers, and ``linkage_chance``, labels dealt
        at random to that tree; with HIER also ``meeting`` and ``proxies`` for the two trees of
        its proxies, each with ``_start``, of the proxies before training, and ``_chance``.
    """
    trees = {"linkage": linkage_tree(run.centers)}
    if run.proxies is not None:
        for end, proxies in (("", run.proxies), ("_start", run.start)):
            trees[f"meeting{end}"] = meeting_tree(run.centers, proxies)
            trees[f"proxies{end}"] = proxy_tree(run.centers, proxies)[0]
    scores = {name: 100 * dendrogram_purity(tree, parents) for name, tree in trees.items()}
    return scores | {
        f"{name}_chance": 100 * chance_purity(tree, parents)
        for name, tree in trees.items()
        if not name.endswith("_start")
    }


def compare(
    dataset: CoarseDataset,
    methods: Sequence[str] = METRIC_METHODS,
    seeds: Sequence[int] = (0, 1, 2),
    **settings,
) -> tuple[pd.DataFrame, dict[tuple[str, int], MetricRun]]:
    """Run every method with every seed; return a row a run, and the runs.

    Of vectors and embedded texts the first row is the features before any training, as method
    ``"untrained"``.
    """
    dataset = with_embeddings(dataset)
    seen, unseen = split_classes(dataset)
    runs = {
        (method, seed): train_metric(seen, unseen, method, seed=seed, progress=False, **settings)
        for method in methods
        for seed in seeds
    }
    rows = [_untrained_row(unseen)] if dataset.kind == "vector" else []
    rows += [_row_of(run, unseen) for run in runs.values()]
    return pd.DataFrame(rows).round(2), runs


def _row_of(run: MetricRun, unseen: CoarseDataset) -> dict:
    return {
        "dataset": unseen.name,
        "method": run.method,
        "seed": run.seed,
        **{f"r{k}": value for k, value in run.recall.items()},
        **tree_purities(run, unseen.parents),
        "clipped_share": 100 * run.clipped_share,
        "cpu_seconds": run.cpu_seconds,
    }


def _untrained_row(unseen: CoarseDataset) -> dict:
    rows = pooled(unseen)
    features = normalize(torch.from_numpy(rows.inputs)).numpy()  # recall is by cosine
    centers = [features[rows.fine == fine].mean(0) for fine in range(unseen.n_fine)]
    tree = linkage_tree(centers)
    scores = {f"r{k}": value for k, value in recall_at_k(features, rows.fine).items()}
    scores["linkage"] = 100 * dendrogram_purity(tree, unseen.parents)
    scores["linkage_chance"] = 100 * chance_purity(tree, unseen.parents)
    return {"dataset": unseen.name, "method": "untrained", "seed": 0, **scores}


@torch.no_grad()
def _project(
    encoder: nn.Module, objective: MetricObjective, unseen: CoarseDataset
) -> tuple[np.ndarray, np.ndarray]:
    rows = pooled(unseen)
    features = encode(encoder, encoder.prepare(rows.inputs, False)).to(next(encoder.parameters()))
    return objective.projection(features).cpu().numpy(), rows.fine


def _proxies(objective: MetricObjective) -> np.ndarray | None:
    if objective.hierarchy is None:
        return None
    return objective.hierarchy.proxies.detach().cpu().numpy().copy()


def _measure_all(dataset: str, seed: int, methods: Sequence[str]) -> Iterator[dict]:
    data = with_embeddings(load(dataset))
    seen, unseen = split_classes(data)
    if data.kind == "vector":
        yield _untrained_row(unseen)
    for method in methods:
        yield _row_of(train_metric(seen, unseen, method, seed=seed, progress=False), unseen)


STUDY = Study(
    "hierarchy.csv",
    ("pydocs", "hwu64", "clinc150", "omniglot"),
    METRIC_METHODS,
    _measure_all,
    main=("r1", "meeting", "proxies"),
)
