"""Salient features: what stands in front of backgrounds, found with a reference set and without.

Methods are compared on sets of images that stand on backgrounds of a few kinds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from dnalib import datasets
from dnalib.clustering import cluster_and_score
from dnalib.cpca import choose_by_silhouette, compress, contrastive_pca, propose_alphas
from dnalib.datasets import CoarseDataset
from dnalib.datasets.backgrounds import BackgroundDataset, on_backgrounds
from dnalib.datasets.parts import only, thin
from dnalib.encoders import ConvEncoder, encode
from dnalib.methods.cidfd import CIDFDObjective
from dnalib.methods.idfd import IDFDObjective
from dnalib.methods.ntxent import NTXentObjective
from dnalib.studies.study import Offered, Study
from dnalib.training import Objective, Task, Trainer, TrainingConfig, seed_everything

# --- data ---


@dataclass(frozen=True)
class Setting:
    """What images are put on, and how they are trained on.

    Attributes
    ----------
    backgrounds : mapping
        Arguments of `on_backgrounds`.
    view : str
        As in `TrainingConfig`: the view must leave alone what tells backgrounds apart, such as
        the direction of stripes and the hue of a tint.
    epochs : int
    part : callable
        From the whole dataset to what of it is used.
    """

    backgrounds: Mapping[str, object]
    view: str
    epochs: int
    part: Callable[[CoarseDataset], CoarseDataset] = lambda dataset: dataset


def first_alphabets(dataset: CoarseDataset, n: int = 2) -> CoarseDataset:
    """Return the fine categories of the first ``n`` coarse ones: of Omniglot, alphabets."""
    return only(dataset, np.flatnonzero(dataset.parents < n))


SETTINGS = Offered(
    "dataset",
    {
        "digits": Setting({"pattern": "stripes", "size": 12}, "crop-turn", epochs=20),
        "mnist": Setting(
            {"pattern": "stripes"}, "crop-turn", epochs=20, part=partial(thin, n_train=2000)
        ),
        "omniglot": Setting({"pattern": "textures"}, "crop", epochs=60, part=first_alphabets),
        "cifar10": Setting(
            {"pattern": "tints", "strength": 0.5},
            "crop-jitter-gray",
            epochs=20,
            part=partial(thin, n_train=2000),
        ),
    },
)
"""The images that are compared on, by their name in `dnalib.datasets`."""


def load(name: str, seed: int = 0, **changes) -> BackgroundDataset:
    """Return the images ``name`` on the backgrounds of their `Setting`.

    Parameters
    ----------
    name : str
        A name in `SETTINGS`.
    seed : int, default 0
        Of the backgrounds.
    **changes
        Arguments of `on_backgrounds`, over those of the setting.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> load("digits", strength=0.5).name
    'digits over stripes'
    """
    setting = SETTINGS[name]
    images = setting.part(datasets.load(name))
    return on_backgrounds(images, **{**setting.backgrounds, "seed": seed, **changes})


def config_of(name: str, **changes) -> TrainingConfig:
    """Return how all methods are trained on the images ``name``: one budget, one view.

    Parameters
    ----------
    name : str
        A name in `SETTINGS`.
    **changes
        Fields of `TrainingConfig`.
    """
    setting = SETTINGS[name]
    chosen = {"epochs": setting.epochs, "view": setting.view, **changes}
    return replace(CONFIG, **chosen)


CONFIG = TrainingConfig(
    batch_size=128, learning_rate=2e-3, weight_decay=1e-4, temperature=0.2, view="crop"
)
"""What all sets of images share."""

# --- methods ---


@dataclass(frozen=True, eq=False)
class Features:
    """What a method finds in the targets.

    Attributes
    ----------
    salient : ndarray (n, d)
        To be clustered into objects.
    background : ndarray (n, d)
        To be clustered into backgrounds. A method with one kind of features has the same twice.
    history : DataFrame
        One row an epoch; empty without training.
    seconds, cpu_seconds : float
        Of all that the method did.
    """

    salient: np.ndarray
    background: np.ndarray
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


Finder = Callable[[BackgroundDataset, TrainingConfig, int], Features]
"""Takes the data, the settings and a seed."""


def find(
    data: BackgroundDataset,
    method: str,
    config: TrainingConfig = CONFIG,
    *,
    seed: int = 0,
) -> Features:
    """Return what a method finds in the targets; labels are not looked at.

    Parameters
    ----------
    data : BackgroundDataset
    method : str
        A name in `METHODS`.
    config : TrainingConfig
        E.g. from `config_of`.
    seed : int, default 0
        Of first weights and of training.

    Raises
    ------
    ValueError
        If the method is unknown.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown: expected one of {', '.join(METHODS)}")
    started, cpu_started = time.perf_counter(), time.process_time()
    found = METHODS[method](data, config, seed)
    return replace(
        found,
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
    )


def _pixels(data: BackgroundDataset, config: TrainingConfig, seed: int) -> Features:
    rows = data.images.reshape(len(data), -1)
    return Features(rows, rows)


def _cpca(data: BackgroundDataset, config: TrainingConfig, seed: int) -> Features:
    """Contrastive PCA, and the PCA of the reference for the background."""
    targets, reference = compress(data.images, data.reference)
    proposals = propose_alphas(targets, reference, seed=seed)
    chosen = choose_by_silhouette(proposals, targets, reference, len(data.object_names), seed)
    behind = contrastive_pca(reference, reference, alpha=0.0)
    return Features(chosen.transform(targets), behind.transform(targets))


def _one_encoder(
    data: BackgroundDataset,
    config: TrainingConfig,
    seed: int,
    *,
    objective: Callable[[Task, TrainingConfig], Objective],
) -> Features:
    encoder = make_encoder(data, seed)
    history = train(encoder, data.images, objective, config, seed)
    features = _encoded(encoder, data.images)
    return Features(features, features, history)


def _two_encoders(
    data: BackgroundDataset,
    config: TrainingConfig,
    seed: int,
    *,
    freeze: bool = False,
    targets_as_reference: bool = False,
    **switches,
) -> Features:
    """The reconstruction of cIDFD.

    With ``freeze`` the background encoder is trained by IDFD on the reference alone, for as many
    epochs, and then left as it is. The ``switches`` are those of `CIDFDObjective`.
    """
    encoder, behind = (
        make_encoder(data, seed),
        make_encoder(data, seed + BACKGROUND_SEED),
    )
    reference = data.images if targets_as_reference else data.reference
    if freeze:
        train(behind, reference, IDFDObjective, config, seed)
        behind.requires_grad_(False)
    objective = partial(CIDFDObjective, background=behind, **switches)
    history = train(encoder, data.images, objective, config, seed, reference)
    follow(behind, data.images)
    return Features(_encoded(encoder, data.images), _encoded(behind, data.images), history)


METHODS: dict[str, Finder] = {
    "pixels": _pixels,
    "cpca": _cpca,
    "ntxent": partial(_one_encoder, objective=NTXentObjective),
    "idfd": partial(_one_encoder, objective=IDFDObjective),
    "cidfd": _two_encoders,
    "cidfd-frozen": partial(_two_encoders, freeze=True),
    "cidfd-stop": partial(_two_encoders, stop_background=True),
    "cidfd-no-cross": partial(_two_encoders, cross_block=False),
    "cidfd-minus": partial(_two_encoders, sign=-1),
    "cidfd-targets": partial(_two_encoders, targets_as_reference=True),
    "cidfd-frozen-minus": partial(_two_encoders, freeze=True, sign=-1),
}
"""All that is compared. What starts with ``cidfd`` is the reconstruction of cIDFD or one of its
ablations, and no result of its authors."""

TITLES = {
    "pixels": "Raw pixels",
    "cpca": "cPCA",
    "ntxent": "NT-Xent",
    "idfd": "IDFD",
    "cidfd": "cIDFD (reconstruction)",
    "cidfd-frozen": "cIDFD (rec.), background trained first",
    "cidfd-stop": "cIDFD (rec.), targets do not train the background",
    "cidfd-no-cross": "cIDFD (rec.), no decorrelation across blocks",
    "cidfd-minus": "cIDFD (rec.), sign −1",
    "cidfd-targets": "cIDFD (rec.), targets for reference",
    "cidfd-frozen-minus": "cIDFD (rec.), background trained first, sign −1",
}
"""Their names in tables and figures."""

BACKGROUND_SEED = 1000
"""Added to the seed of the second encoder, so that the two do not start alike."""


def make_encoder(data: BackgroundDataset, seed: int) -> ConvEncoder:
    """Return the network that all methods train, with its first weights."""
    return ConvEncoder(data.images.shape[1:], dim=64, width=16, normalization="batch", seed=seed)


def train(
    encoder: nn.Module,
    images: np.ndarray,
    objective: Callable[[Task, TrainingConfig], Objective],
    config: TrainingConfig,
    seed: int,
    reference: np.ndarray | None = None,
) -> pd.DataFrame:
    """Train ``encoder`` in place on images without labels; return one row an epoch."""
    store = encoder.prepare(images)
    alone = None if reference is None else encoder.prepare(reference)
    seed_everything(seed)
    built = objective(Task(encoder.dim, 1, len(store), encoder, seed, alone), config)
    unlabeled = np.zeros(len(store), dtype=np.int64)
    return Trainer(encoder, store, unlabeled, built, config, seed=seed).fit()


def follow(encoder: ConvEncoder, images: np.ndarray) -> None:
    """Give batch normalization the statistics of ``images``, after it saw those of two sets."""
    store = encoder.prepare(images)
    update_bn([store.batch(rows) for rows in torch.arange(len(store)).split(256)], encoder)


def _encoded(encoder: nn.Module, images: np.ndarray) -> np.ndarray:
    return encode(encoder, encoder.prepare(images)).numpy()


# --- scores ---


def scores_of(data: BackgroundDataset, features: Features, seed: int = 0) -> dict[str, float]:
    """Return how well k-means recovers objects and backgrounds, in percent.

    k-means is run with the true number of objects on the salient features and with the true
    number of kinds on the background features.

    Returns
    -------
    dict
        ``object_acc``, ``object_ari``, ``object_nmi`` of the salient features;
        ``background_acc``, … of the background features; and what should not be there:
        ``leak_acc``, … of backgrounds in the salient features, for which k-means is asked for as
        many clusters as there are kinds.
    """
    pairs = {
        "object": (features.salient, data.objects),
        "background": (features.background, data.backgrounds),
        "leak": (features.salient, data.backgrounds),
    }
    return {
        f"{name}_{score}": value
        for name, (rows, labels) in pairs.items()
        for score, value in cluster_and_score(rows, labels, seed=seed).items()
    }


def compare(
    name: str,
    methods: Sequence[str],
    seeds: Sequence[int] = (0,),
    **changes,
) -> pd.DataFrame:
    """Run methods on the images ``name`` with several seeds; return one row a run.

    Parameters
    ----------
    name : str
        A name in `SETTINGS`.
    methods : sequence of str
        Names in `METHODS`.
    seeds : sequence of int, default (0,)
        Each draws other backgrounds, other first weights, other batches and views, and other
        starts of k-means.
    **changes
        Fields of `TrainingConfig`.
    """
    rows = []
    for seed, method in product(seeds, methods):
        data, config = load(name, seed), config_of(name, **changes)
        found = find(data, method, config, seed=seed)
        rows.append(
            {
                "dataset": name,
                "method": method,
                "seed": seed,
                **scores_of(data, found, seed),
                "seconds": found.seconds,
                "cpu_seconds": found.cpu_seconds,
            }
        )
    return pd.DataFrame(rows)


# --- the study ---


def summarize(results: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over the seeds, a row a dataset and method."""
    scores = [c for c in results if c.endswith(("_acc", "_nmi"))]
    groups = results.groupby(["dataset", "method"], sort=False)[scores]
    return groups.agg(["mean", "std"]).round(1)


def _measure_all(dataset: str, seed: int, methods: Sequence[str]) -> Iterator[dict]:
    for method in methods:
        yield from compare(dataset, [method], [seed]).to_dict("records")


STUDY = Study(
    "salient_features.csv",
    tuple(SETTINGS),
    tuple(METHODS),
    _measure_all,
    main=("object_acc", "background_acc", "leak_acc"),
)
