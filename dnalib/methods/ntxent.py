"""NT-Xent alone: what instance spreading is compared with."""

from __future__ import annotations

from torch import Tensor

from dnalib.losses import NTXentLoss
from dnalib.training import Objective, Step, Task, TrainingConfig


class NTXentObjective(Objective):
    """``L_NT-Xent`` alone; coarse labels are not looked at (Chen et al., SimCLR, ICML 2020)."""

    needs_second_view = True

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.contrast = NTXentLoss(config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``ntxent``."""
        return {"ntxent": self.contrast(step.queries, step.second)}
