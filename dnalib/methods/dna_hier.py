"""DNA with HIER as a regularizer: texts and coarse labels share a tree of learned ancestors."""

from __future__ import annotations

from types import MappingProxyType

from torch import Tensor

from dnalib.hyperbolic import to_ball
from dnalib.losses import HIERLoss
from dnalib.methods.dna import DNAObjective
from dnalib.methods.hier import (
    BALL_DIMENSIONS,
    DRAWS,
    N_PROXIES,
    PROXY_RATE,
    WEIGHT,
    BallProjection,
)
from dnalib.training import Step, Task, TrainingConfig


class HierarchicalDNAObjective(DNAObjective):
    """``L_DNA + L_CE + 0.5 L_HIER`` on a projection of the features into the Poincaré ball.

    No paper has this combination. HIER is as in `MetricObjective`, but its gradient is that of the
    formula, without the Riemannian scaling (`dnalib.hyperbolic.to_ball`), so that at the same
    weight it pulls about ten times as hard. That is a choice of ours, since no paper says what
    HIER should weigh beside DNA; all stored runs were made with it.
    """

    rate_factors = MappingProxyType({"hierarchy.vectors": PROXY_RATE})

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        self.projection = BallProjection(task.dim)
        self.hierarchy = HIERLoss(BALL_DIMENSIONS, N_PROXIES, draws=DRAWS, seed=task.seed)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms of DNA and, after pretraining, ``hier``."""
        if self._pretraining:
            return super().forward(step)
        points = to_ball(self.projection(step.features))
        hier = self.hierarchy(points, step.coarse)
        return super().forward(step) | {"hier": WEIGHT * hier}
