"""ISIF: features invariant to the view and spread over texts."""

from __future__ import annotations

from torch import Tensor

from dnalib.losses import ISIFLoss
from dnalib.training import Objective, Step, Task, TrainingConfig


class ISIFObjective(Objective):
    """``L_ISIF`` alone, in its released form; coarse labels are not looked at.

    Ye et al., CVPR 2019, has image crops for views; a text's are whatever ``config.view`` is.
    """

    needs_second_view = True

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.spreading = ISIFLoss(config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``isif``."""
        return {"isif": self.spreading(step.queries, step.second)}
