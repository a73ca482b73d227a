"""What a training step of DNA costs over the bare encoder step, part by part, and by each choice.

Run ``python benchmarks/training.py``; with ``--compile 1`` it tries torch.compile too, which needs
a C++ compiler.

The bare step: the view, both encoders forward, the encoder's backward pass from a constant
gradient, AdamW and the momentum update. All kinds of step take the same batches in turns, with the
same dropout, so that whatever else the machine does disturbs them alike.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from unittest.mock import patch

import pandas as pd
import torch
from common import parse, show, show_machine
from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.datasets import CoarseDataset, load
from dnalib.encoders import load_encoder, text
from dnalib.encoders.packing import Packing
from dnalib.losses.dna import neighborhood_nll
from dnalib.methods import METHODS, resolve_config
from dnalib.training import Step, Task, Trainer, seed_everything

WARM_UP = 3
"""Steps before the clock starts."""

Take = Callable[[Tensor], object]
"""Takes a training step on the texts at ``indices (b,)``."""


def make_trainer(data: CoarseDataset, precision: str = "auto") -> Trainer:
    """Return a trainer of DNA whose bank is filled and whose neighbors are mined."""
    recipe = METHODS["dna"]
    encoder = load_encoder("minilm", precision=precision)
    config = resolve_config(recipe, data, {})
    seed_everything(0)
    objective = recipe.objective(Task(encoder.dim, data.n_coarse, len(data.train)), config)
    store = encoder.prepare(data.train.inputs, progress=False)
    trainer = Trainer(encoder, store, data.train.coarse, objective, config, progress=False)
    trainer._mine(0)
    encoder.train()
    objective.train()
    return trainer


def whole_step(trainer: Trainer) -> Take:
    """Return the loop's own step, which draws the same view and dropout for every batch."""
    return lambda indices: trainer._step(indices, seed_everything(0))


def plain_step(trainer: Trainer) -> Take:
    """Return the same with the loss in plain operations, differentiated by autograd."""
    temperature = trainer.config.temperature

    def plain_loss(queries, keys, positives, self_index):
        return neighborhood_nll(queries @ keys.T / temperature, positives, self_index)

    def take(indices):
        with patch.object(trainer.objective.contrast, "forward", plain_loss):
            whole_step(trainer)(indices)

    return take


def bare_step(trainer: Trainer) -> Take:
    """Return a step without loss, bank and clipping."""

    def take(indices):
        batch = trainer.view(trainer.store, indices, seed_everything(0))
        features = normalize(trainer.encoder(batch))
        trainer._momentum_keys(batch)
        trainer.optimizer.zero_grad(set_to_none=True)
        features.backward(torch.full_like(features, 1e-6))
        trainer.optimizer.step()
        trainer._update_momentum()

    return take


def in_turns(kinds: dict[str, Take], batches: dict[str, list[Tensor]]) -> pd.DataFrame:
    """Return the mean wall and CPU milliseconds of each kind of step over its batches."""
    clocks = {name: [] for name in kinds}
    for turn in range(min(map(len, batches.values()))):
        for name, take in kinds.items():
            wall, cpu = time.perf_counter(), time.process_time()
            take(batches[name][turn])
            clocks[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    means = {name: 1e3 * torch.tensor(taken[WARM_UP:]).mean(0) for name, taken in clocks.items()}
    return pd.DataFrame(
        {name: mean.tolist() for name, mean in means.items()}, index=["wall ms", "CPU ms"]
    ).T.rename_axis("step")


def over_the_bare_step(data: CoarseDataset, steps: int) -> pd.DataFrame:
    """Return what a step costs: bare, whole, and with the loss in plain operations."""
    trainer = make_trainer(data)
    kinds = {
        "bare encoder step": bare_step(trainer),
        "whole step": whole_step(trainer),
        "whole step, loss in plain operations": plain_step(trainer),
    }
    batches = trainer._batches(seed_everything(0))[: steps + WARM_UP]
    table = in_turns(kinds, dict.fromkeys(kinds, batches))
    table["over the bare step, %"] = 100 * (table["CPU ms"] / table["CPU ms"].iloc[0] - 1)
    return table


class Laps:
    """CPU seconds by part: each wrapped function ends a part, which began where the last ended."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)
        self.last = time.process_time()

    def end(self, part: str) -> None:
        """Give the time since the last end to ``part``."""
        now = time.process_time()
        self.seconds[part] += now - self.last
        self.last = now

    def wrap(self, function: Callable, part: str, before: str | None = None) -> Callable:
        """Return the function, after which ``part`` ends; before it, ``before`` does."""

        def run(*arguments, **keywords):
            if before is not None:
                self.end(before)
            result = function(*arguments, **keywords)
            self.end(part)
            return result

        return run


def by_part(data: CoarseDataset, steps: int) -> pd.DataFrame:
    """Return the mean CPU milliseconds of each part of a whole step, in its order."""
    trainer, laps = make_trainer(data), Laps()
    forward = laps.wrap(trainer.objective.forward, "loss, forward")

    def objective(step: Step) -> dict[str, Tensor]:
        step.features.register_hook(lambda gradient: laps.end("loss, backward"))
        return forward(step)

    trainer.view = laps.wrap(trainer.view, "view")
    trainer.encoder.forward = laps.wrap(trainer.encoder.forward, "encoder, forward")
    trainer._momentum_keys = laps.wrap(trainer._momentum_keys, "momentum encoder, forward")
    trainer.objective.forward = objective
    clip = laps.wrap(nn.utils.clip_grad_norm_, "clipping", before="encoder, backward")
    trainer.optimizer.register_step_post_hook(lambda *_: laps.end("AdamW"))
    trainer._update_momentum = laps.wrap(trainer._update_momentum, "momentum update")
    take = laps.wrap(whole_step(trainer), "bank and the rest")
    with patch.object(nn.utils, "clip_grad_norm_", clip):
        for number, indices in enumerate(trainer._batches(seed_everything(0))[: steps + WARM_UP]):
            if number == WARM_UP:
                laps.seconds.clear()
            take(indices)
    table = pd.DataFrame({"CPU ms": laps.seconds}) * 1e3 / steps
    table["share, %"] = 100 * table["CPU ms"] / table["CPU ms"].sum()
    return table.rename_axis("part")


def by_choice(data: CoarseDataset, steps: int, compiled: bool) -> pd.DataFrame:
    """Return what the step costs as it is, and with one thing chosen otherwise."""
    trainer, unfused = make_trainer(data), make_trainer(data)
    for group in unfused.optimizer.param_groups:
        group["fused"], group["foreach"] = False, True
    kinds = {
        "as it is, on one thread": whole_step(trainer),
        "on two threads": on_threads(whole_step(trainer), 2),
        "batches not sorted by length": whole_step(trainer),
        "padding and hidden tokens computed as well": on_all_places(whole_step(trainer)),
        "encoder in float32": whole_step(make_trainer(data, "float32")),
        "AdamW not fused": whole_step(unfused),
    }
    if compiled:
        kinds["torch.compile"] = whole_step(with_compiled_layers(make_trainer(data)))
    batches = dict.fromkeys(kinds, trainer._batches(seed_everything(0))[: steps + WARM_UP])
    shuffled = torch.randperm(len(data.train)).split(trainer.config.batch_size)
    table = in_turns(kinds, batches | {"batches not sorted by length": shuffled})
    for clock in ("wall", "CPU"):
        table[f"{clock} ratio"] = table[f"{clock} ms"] / table[f"{clock} ms"].iloc[0]
    return table.rename_axis("choice")


def with_compiled_layers(trainer: Trainer) -> Trainer:
    """Compile both encoders' layers for any shape of batch, and say what that takes."""
    for encoder in (trainer.encoder, trainer.momentum):
        for layer in encoder.model.encoder.layer:
            layer.compile(dynamic=True)
    started = time.perf_counter()
    for indices in trainer._batches(seed_everything(0))[:WARM_UP]:
        whole_step(trainer)(indices)
    print(f"\nCompiling took {time.perf_counter() - started:.0f} s.")
    return trainer


def on_all_places(take: Take) -> Take:
    """Return the step as if every place of a padded batch held a token that counts."""

    def run(indices: Tensor) -> None:
        with patch.object(text, "Packing", lambda mask: Packing(torch.ones_like(mask))):
            take(indices)

    return run


def on_threads(take: Take, threads: int) -> Take:
    """Return the step on another number of threads."""

    def run(indices: Tensor) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        take(indices)
        torch.set_num_threads(before)

    return run


def main() -> None:
    """Print the tables."""
    options = parse(__doc__.splitlines()[0], dataset="clinc150", steps=60, compile=0)
    name, steps = ("pydocs", 3) if options.quick else (options.dataset, options.steps)
    data = load(name)
    torch.set_num_threads(1)
    show_machine()
    what = f"{name}, {len(data.train):,} texts, batches of 64"
    show(f"Over the bare step: {what}", over_the_bare_step(data, steps))
    show(f"By part: {what}", by_part(data, steps))
    show(f"By choice: {what}", by_choice(data, steps, bool(options.compile)))


if __name__ == "__main__":
    main()
