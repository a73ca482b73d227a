"""IDFD: tell instances apart by a memory, and decorrelate the coordinates of features."""

from __future__ import annotations

from torch import Tensor

from dnalib.losses import IDFDLoss
from dnalib.training import Objective, Step, Task, TrainingConfig


class IDFDObjective(Objective):
    """``L_ID + L_FD`` alone; coarse labels are not looked at (Tao et al., ICLR 2021)."""

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.idfd = IDFDLoss(task.n, task.dim, config.temperature, seed=task.seed)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``idfd``."""
        return {"idfd": self.idfd(step.queries, step.indices)}

    def after_step(self, step: Step) -> None:
        """Move the memory towards the batch's features."""
        self.idfd.update(step.queries.detach(), step.indices)
