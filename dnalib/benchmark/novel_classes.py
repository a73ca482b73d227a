"""The grid of novel class discovery: dataset, seed and row of NCL's ablation.

``python -m dnalib.benchmark.novel_classes --datasets digits mnist --seeds 0 1 2`` runs what
``results/novel_class_discovery.csv`` does not hold and adds it there, a row as soon as it is
measured. The stages that a seed's variants share are trained again if any of them is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from torch import nn

from dnalib import datasets
from dnalib.benchmark.tables import write_table
from dnalib.datasets import CoarseDataset, thin
from dnalib.encoders import ConvEncoder, VectorEncoder, embed, load_encoder
from dnalib.methods.novel import ABLATION, ClassSplit, NovelClassDiscovery, halve_classes
from dnalib.training import TrainingConfig

RESULTS = Path(__file__).resolve().parents[2] / "results" / "novel_class_discovery.csv"
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
        return replace(data, train=train, test=test)

    def split(self, data: CoarseDataset, seed: int) -> ClassSplit:
        """Return the known and the novel classes: of images as in NCL, of texts by the seed."""
        return halve_classes(data.n_fine, seed if data.kind == "text" else None)

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
RECIPES = {
    recipe.dataset: recipe
    for recipe in (
        Recipe("digits", 3e-3, rotations=4, known=20, joint=30, view_rate=0.5),
        Recipe("mnist", 3e-3, rotations=2, known=8, joint=10, view_rate=0.5, n_train=3000),
        Recipe("cifar10", 2e-3, rotations=3, known=8, joint=10, view_rate=0.7, n_train=3000),
        Recipe(**_TEXTS, dataset="pydocs", joint=6, max_length=64),
        Recipe(**_TEXTS, dataset="hwu64", joint=3),
    )
}
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
    """Train one variant of the third stage; return its scores and CPU seconds."""
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


def run_novel_classes(
    recipe: Recipe, seed: int, path: Path, variants: tuple[str, ...] = tuple(ABLATION)
) -> None:
    """Measure the starts and variants of one dataset and seed that ``path`` lacks."""
    missing = [v for v in variants if not _holds(path, recipe, seed, v)]
    if not missing:
        return
    discovery, starts = begin(recipe, seed)
    for name, scores in _measured(discovery, recipe, starts, missing):
        row = {"dataset": recipe.dataset, "seed": seed, "method": name, "recipe": recipe.digest}
        row |= {"train": len(discovery.train), "novel_train": len(discovery.novel)}
        _keep(path, row | {key: round(value, 2) for key, value in scores.items()})
        shown = {key: round(scores[key], 1) for key in ("head_acc", "acc") if key in scores}
        print(f"{recipe.dataset} seed {seed}  {name}  {shown}", flush=True)


def _measured(
    discovery: NovelClassDiscovery, recipe: Recipe, starts: dict, variants: list[str]
) -> Iterator[tuple[str, dict[str, float]]]:
    yield from starts.items()
    for variant in variants:
        yield variant, measure(discovery, recipe, variant)


def read_results(path: Path = RESULTS) -> pd.DataFrame:
    """Return the rows measured so far."""
    return pd.read_csv(path, dtype={"recipe": str})


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _holds(path: Path, recipe: Recipe, seed: int, method: str) -> bool:
    if not path.exists():
        return False
    table = read_results(path)
    rows = (table["recipe"] == recipe.digest) & (table["seed"] == seed)
    return bool((rows & (table["method"] == method)).any())


def _keep(path: Path, row: dict) -> None:
    """Put a row into the table in place of the one that it measures anew."""
    key = ["dataset", "seed", "method"]
    with FileLock(path.with_name(f".{path.name}.lock")):
        known = [read_results(path)] if path.exists() else []
        table = pd.concat([*known, pd.DataFrame([row])]).drop_duplicates(key, keep="last")
        order = {name: place for place, name in enumerate((*STARTS, *ABLATION))}
        table = table.sort_values(
            key, key=lambda c: c.map(order) if c.name == "method" else c, kind="stable"
        )
        write_table(table, path)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--datasets", nargs="+", choices=RECIPES, default=["digits"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=ABLATION, default=list(ABLATION))
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    for name in asked.datasets:
        for seed in asked.seeds:
            run_novel_classes(RECIPES[name], seed, asked.results, tuple(asked.variants))


if __name__ == "__main__":
    main()
