"""The grid of novel class discovery: dataset, seed and row of NCL's ablation.

The stages that a seed's variants share are trained again if any of them is missing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from torch import nn

from dnalib import datasets
from dnalib.datasets import CoarseDataset, thin
from dnalib.encoders import ConvEncoder, VectorEncoder, embed, load_encoder
from dnalib.methods.novel import (
    ABLATION,
    ClassSplit,
    NovelClassDiscovery,
    halve_classes,
)
from dnalib.studies.study import Offered, Study
from dnalib.training import TrainingConfig

UNTRAINED, ROTATIONS, KNOWN = "untrained", "rotations", "known classes"
STARTS = (UNTRAINED, ROTATIONS, KNOWN)
"""What variants start from: inputs as they come, then the first two stages."""


@dataclass(frozen=True)
class Recipe:
    """How novel classes are sought in one dataset.

    Attributes
    ----------
    dataset : str
    learning_rate : float
    rotations : int or None
        Epochs of the first stage; None for texts, which cannot be turned.
    known, joint : int
        Epochs of the other two.
    view_rate : float
        Strength of ``"crop"`` for images, share of dropped tokens for texts.
    n_train : int or None
        Training rows, drawn alike from all classes; None: all.
    width : int
        Of the convolutional encoder, for images.
    max_length : int
        Word pieces of a text.
    adapter : bool
        Of texts: train an adapter over frozen embeddings and not MiniLM's top two layers. It
        costs a tenth.
    batch_size : int
    """

    dataset: str
    learning_rate: float
    rotations: int | None
    known: int
    joint: int
    view_rate: float
    n_train: int | None = None
    width: int = 16
    max_length: int = 32
    adapter: bool = False
    batch_size: int = 64

    @property
    def digest(self) -> str:
        """Eight letters that tell these settings from others."""
        settings = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(settings.encode()).hexdigest()[:8]

    def load(self) -> CoarseDataset:
        """Return the dataset, thinned and embedded if need be."""
        data = datasets.load(self.dataset)
        data = data if self.n_train is None else thin(data, self.n_train)
        if not self.adapter:
            return data
        train, test = (
            replace(split, inputs=_embed(split.inputs, self.max_length))
            for split in (data.train, data.test)
        )
        return replace(data, kind="vector", train=train, test=test)

    def split(self, data: CoarseDataset, seed: int) -> ClassSplit:
        """Return the known and the novel classes: of images as in NCL, of texts by the seed."""
        return halve_classes(data.n_fine, None if data.kind == "image" else seed)

    def config(self, epochs: int) -> TrainingConfig:
        """Return the settings of a stage of that many epochs."""
        return TrainingConfig(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            temperature=0.05,
            view="drop" if self.rotations is None else "crop",
            view_rate=self.view_rate,
        )


_TEXTS = {
    "learning_rate": 2e-4,
    "rotations": None,
    "known": 2,
    "view_rate": 0.15,
    "adapter": True,
    "batch_size": 128,
}
RECIPES = Offered(
    "dataset",
    {
        recipe.dataset: recipe
        for recipe in (
            Recipe("digits", 3e-3, rotations=4, known=20, joint=30, view_rate=0.5),
            Recipe("mnist", 3e-3, rotations=2, known=8, joint=10, view_rate=0.5, n_train=3000),
            Recipe("cifar10", 2e-3, rotations=3, known=8, joint=10, view_rate=0.7, n_train=3000),
            Recipe(**_TEXTS, dataset="pydocs", joint=6, max_length=64),
            Recipe(**_TEXTS, dataset="hwu64", joint=3),
        )
    },
)
"""The settings of every dataset, chosen for a run of minutes on two cores."""


def make_encoder(recipe: Recipe, data: CoarseDataset, seed: int) -> nn.Module:
    """Return the encoder that the stages will train."""
    if recipe.adapter:
        return VectorEncoder(data.train.inputs.shape[1], seed=seed)
    if data.kind == "text":
        return load_encoder("minilm", max_length=recipe.max_length)
    return ConvEncoder(data.train.inputs.shape[1:], dim=64, width=recipe.width, seed=seed)


def _embed(texts: list[str], max_length: int) -> np.ndarray:
    """Return embeddings ``(n, d)`` of length sqrt(d), the scale that linear heads start for."""
    features = embed(texts, max_length=max_length, progress=False)
    return features * np.sqrt(features.shape[1])


def begin(
    recipe: Recipe, seed: int, *, progress: bool = False
) -> tuple[NovelClassDiscovery, dict[str, dict[str, float]]]:
    """Train the stages that all variants share.

    Returns
    -------
    discovery : NovelClassDiscovery
        After its first two stages.
    starts : dict of dict
        Scores of the features by what they are (`STARTS`): k-means on the novel rows, and the
        ``cpu_seconds`` of getting there from the one before.
    """
    data = recipe.load()
    classes = recipe.split(data, seed)
    encoder = make_encoder(recipe, data, seed)
    discovery = NovelClassDiscovery(data, classes, encoder, seed=seed, progress=progress)
    untrained = discovery
    if data.kind == "image":
        pixels = VectorEncoder(int(np.prod(data.train.inputs.shape[1:])))
        untrained = NovelClassDiscovery(data, classes, pixels, seed=seed, progress=False)
    starts = {UNTRAINED: untrained.score_features() | {"cpu_seconds": 0.0}}
    if recipe.rotations:
        config = replace(recipe.config(recipe.rotations), view="none")
        seconds = _cpu_seconds(lambda: discovery.learn_rotations(config))
        starts[ROTATIONS] = discovery.score_features() | {"cpu_seconds": seconds}
    seconds = _cpu_seconds(lambda: discovery.learn_known(recipe.config(recipe.known)))
    starts[KNOWN] = discovery.score_features() | {"cpu_seconds": seconds}
    return discovery, starts


def measure(discovery: NovelClassDiscovery, recipe: Recipe, variant: str) -> dict[str, float]:
    """Train one variant of the third stage; return its scores and CPU seconds.

    The seconds hold the scores that were looked at after every epoch.
    """
    started = time.process_time()
    joint = discovery.learn_jointly(recipe.config(recipe.joint), **ABLATION[variant])
    seconds = time.process_time() - started
    head = discovery.score_head(joint.encoder, joint.objective)
    return discovery.score_features(joint.encoder) | {
        "head_acc": head["acc"],
        "head_nmi": head["nmi"],
        "classes_used": head["classes_used"],
        "known_acc": discovery.known_accuracy(joint.encoder, joint.objective),
        "cpu_seconds": seconds,
    }


def _measure_all(dataset: str, seed: int, variants: Sequence[str]) -> Iterator[dict]:
    discovery, starts = begin(RECIPES[dataset], seed)
    sizes = {"train": len(discovery.train), "novel_train": len(discovery.novel)}
    for name, scores in starts.items():
        yield {"method": name, **sizes, **scores}
    for name in variants:
        yield {"method": name, **sizes, **measure(discovery, RECIPES[dataset], name)}


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


STUDY = Study(
    "novel_class_discovery.csv",
    tuple(RECIPES),
    tuple(ABLATION),
    _measure_all,
    stamp=lambda dataset: {"recipe": RECIPES[dataset].digest},
    main=("head_acc", "acc"),
)
