"""The one training loop, and what a method plugs into it."""

from dnalib.training.config import TrainingConfig
from dnalib.training.loop import Monitor, Trainer
from dnalib.training.objective import (
    CoarseCrossEntropy,
    Objective,
    Step,
    Task,
    copy_encoder,
    seed_everything,
)
from dnalib.training.team import Team

__all__ = [
    "CoarseCrossEntropy",
    "Monitor",
    "Objective",
    "Step",
    "Task",
    "Team",
    "Trainer",
    "TrainingConfig",
    "copy_encoder",
    "seed_everything",
]
