"""ISIF: features invariant to the view and spread over texts."""

from __future__ import annotations

from torch import Tensor

from dnalib.losses import ISIFLoss
from dnalib.training import Objective, Step, Task, TrainingConfig


class ISIFObjective(Objective):
    """``L_ISIF`` alone, in its released form; coarse labels are not looked at.

    Ye et al., CVPR 2019, has image crops for views: ``view="crop"``. A text's are whatever
    ``config.view`` is.

    Parameters
    ----------
    task : Task
    config : TrainingConfig
    spread, stop_gradient
        As in `dnalib.losses.ISIFLoss`, for ablations.
    """

    needs_second_view = True

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        *,
        spread: float = 1.0,
        stop_gradient: bool = True,
    ):
        super().__init__()
        self.spreading = ISIFLoss(config.temperature, spread, stop_gradient=stop_gradient)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``isif``."""
        return {"isif": self.spreading(step.queries, step.second)}
