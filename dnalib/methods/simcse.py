"""SimCSE: recognize a text's other view within the batch, with and without coarse labels."""

from __future__ import annotations

from torch import Tensor

from dnalib.losses import SimCSELoss
from dnalib.training import CoarseCrossEntropy, Objective, Step, Task, TrainingConfig


class SimCSEObjective(Objective):
    """``L_SimCSE`` alone; coarse labels are not looked at (Gao et al., EMNLP 2021).

    The two views differ by dropout alone, which only text encoders have: of images or vectors take
    another ``view``.
    """

    needs_second_view = True

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.contrast = SimCSELoss(config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``simcse``."""
        return {"simcse": self.contrast(step.queries, step.second)}


class SimCSECoarseObjective(CoarseCrossEntropy):
    """``L_SimCSE + L_CE``."""

    needs_second_view = True

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        self.contrast = SimCSELoss(config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms ``ce`` and ``simcse``."""
        return super().forward(step) | {"simcse": self.contrast(step.queries, step.second)}
