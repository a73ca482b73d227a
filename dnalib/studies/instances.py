"""Instance spreading on images: its variants and rivals on seen and on unseen categories.

What notebook 07 shows of one dataset, ``python -m dnalib study instances`` measures for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from dnalib.datasets import CoarseDataset, Split, hold_out, load, pooled, thin
from dnalib.encoders import encode
from dnalib.methods import Method, Run, get_method, run
from dnalib.methods.isif import ISIFObjective
from dnalib.retrieval import seen_scores, unseen_scores
from dnalib.studies.study import Offered, Study
from dnalib.training.views import make_view

ISIF = get_method("isif")
NO_SPREADING = replace(ISIF, name="isif-no-spreading", objective=partial(ISIFObjective, spread=0.0))


@dataclass(frozen=True)
class Variant:
    """One way to make features: a method and, over the dataset's, its settings.

    Attributes
    ----------
    title : str
        Name in tables and figures.
    method : str or Method
    settings : dict
        Arguments of `dnalib.methods.run`.
    """

    title: str
    method: str | Method
    settings: dict = field(default_factory=dict)


VARIANTS = Offered(
    "variant",
    {
        "pixels": Variant("Raw pixels", "embeddings", {"encoder": "none"}),
        "untrained": Variant("Untrained network", "embeddings"),
        "ntxent": Variant("NT-Xent", "ntxent"),
        "isif": Variant("Instance spreading", "isif"),
        "no-spreading": Variant("without spreading", NO_SPREADING),
        "no-augmentation": Variant("without augmentation", "isif", {"view": "none"}),
        "no-crop": Variant("without resized crop", "isif", {"view": "crop-zoom"}),
        "no-color": Variant("without color changes", "isif", {"view": "crop-jitter-gray"}),
    },
)
"""All variants by name; the last is for color images only."""


@dataclass(frozen=True)
class Setting:
    """What one dataset is used for.

    Attributes
    ----------
    unseen : tuple of str
        Categories held out (`dnalib.datasets.hold_out`).
    n_train : int
        Training images of the seen categories.
    epochs : int
    """

    unseen: tuple[str, ...]
    n_train: int
    epochs: int


SETTINGS = Offered(
    "dataset",
    {
        "digits": Setting(("3", "7", "8", "9"), 1_000, 8),
        "mnist": Setting(("3", "7", "8", "9"), 1_500, 8),
        "omniglot": Setting(("Balinese", "Korean", "Sanskrit"), 2_000, 8),
        "cifar10": Setting(("cat", "horse", "ship", "truck"), 2_000, 8),
    },
)
"""The settings of ``results/vision_isif.csv``: modest, for two CPU cores."""

TRAINING = {"encoder": "conv", "view": "crop", "learning_rate": 2e-3}


def measure(
    seen: CoarseDataset,
    unseen: CoarseDataset,
    variant: str,
    *,
    seed: int = 0,
    epochs: int = 8,
    progress: bool = False,
) -> tuple[dict, Run]:
    """Train one variant on seen categories and score its features on both kinds.

    Parameters
    ----------
    seen, unseen : CoarseDataset
        Of images. All of the unseen ones, train and test, are scored.
    variant : str
        A name in `VARIANTS`.
    seed : int, default 0
        Of the network, of training and of k-means.
    epochs : int, default 8
    progress : bool, default False

    Returns
    -------
    row : dict
        Dataset, the variant as ``method``, seed; the scores of `seen_scores` and `unseen_scores`;
        ``cpu_seconds`` of this process until the features were there, k-means on the seen classes
        included.
    result : Run
    """
    chosen = VARIANTS[variant]
    settings = {**TRAINING, "epochs": epochs, **chosen.settings}
    started = time.process_time()
    result = run(seen, chosen.method, seed=seed, progress=progress, **settings)
    rest = pooled(unseen)
    features = encode(result.encoder, result.encoder.prepare(rest.inputs, progress=False)).numpy()
    cpu_seconds = time.process_time() - started
    labels = seen.train.fine, seen.test.fine
    row = {
        "dataset": seen.name,
        "method": variant,
        "seed": seed,
        **seen_scores(result.train_features, labels[0], result.test_features, labels[1]),
        **unseen_scores(features, rest.fine, seed),
        "cpu_seconds": cpu_seconds,
    }
    return row, result


def prepare(
    name: str,
    unseen: Sequence[str] | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> tuple[CoarseDataset, CoarseDataset]:
    """Load a dataset, hold categories out, and thin what is left to the images trained on.

    Parameters
    ----------
    name : str
        A name in `SETTINGS`, which has the defaults of the others.
    unseen : sequence of str, optional
    n_train : int, optional
    seed : int, default 0
        Which images are drawn.

    Returns
    -------
    seen, unseen : CoarseDataset
    """
    setting = SETTINGS[name]
    seen, rest = hold_out(load(name), setting.unseen if unseen is None else unseen)
    return thin(seen, setting.n_train if n_train is None else n_train, seed=seed), rest


def variants_for(dataset: CoarseDataset) -> list[str]:
    """Return the names of the variants that make sense for its images."""
    has_color = dataset.train.inputs.ndim == 4
    return [name for name in VARIANTS if has_color or name != "no-color"]


def pair_similarities(
    encoder: nn.Module, images: Split, view: str = "crop", seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the cosines of pairs of images, which say how invariant and how spread features are.

    Parameters
    ----------
    encoder : nn.Module
        A `ConvEncoder`.
    images : Split
        With fine labels.
    view : str, default "crop"
        As in `dnalib.training.TrainingConfig`, at full strength.
    seed : int, default 0
        Of the views.

    Returns
    -------
    dict
        Cosines of ``"two views of one image"`` (n,), and between the images as they are of
        ``"two images, same category"`` and ``"two images, other category"``, each pair once.
    """
    store = encoder.prepare(images.inputs, progress=False)
    generator = torch.Generator().manual_seed(seed)
    change = make_view(view, 1.0, encoder)
    with torch.no_grad():
        one, other = (
            normalize(encoder(change(store, torch.arange(len(store)), generator))) for _ in range(2)
        )
    features = encode(encoder, store).numpy()
    first, second = np.triu_indices(len(features), k=1)
    cosines = (features @ features.T)[first, second]
    same = images.fine[first] == images.fine[second]
    return {
        "two views of one image": (one * other).sum(dim=1).cpu().numpy(),
        "two images, same category": cosines[same],
        "two images, other category": cosines[~same],
    }


def _measure_all(dataset: str, seed: int, names: Sequence[str]) -> Iterator[dict]:
    setting, (seen, unseen) = SETTINGS[dataset], prepare(dataset)
    for name in names:
        row, _ = measure(seen, unseen, name, seed=seed, epochs=setting.epochs)
        yield row | {"n_train": len(seen.train), "epochs": setting.epochs}


STUDY = Study(
    "vision_isif.csv",
    tuple(SETTINGS),
    tuple(VARIANTS),
    _measure_all,
    main=("knn", "r1"),
    offers=lambda dataset, variant: variant != "no-color" or dataset == "cifar10",
)
