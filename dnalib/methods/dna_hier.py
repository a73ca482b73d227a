"""DNA with HIER as a regularizer: texts and coarse labels share a tree of learned ancestors."""

from __future__ import annotations

from torch import Tensor, nn

from dnalib.hyperbolic import to_ball
from dnalib.losses import HIERLoss
from dnalib.methods.dna import DNAObjective
from dnalib.training import Step, Task, TrainingConfig


class HierarchicalDNAObjective(DNAObjective):
    """``L_DNA + L_CE + 0.5 L_HIER`` on a projection of the features into the Poincaré ball.

    No paper has this combination. The projection is HIER's: a normalization without weights,
    then an orthogonal linear map. There are fewer proxies and triplets than in the paper, where
    most of a step's time would go into them.
    """

    WEIGHT = 0.5
    BALL_DIMENSIONS = 64
    N_PROXIES = 128
    DRAWS = 10

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)
        linear = nn.Linear(task.dim, self.BALL_DIMENSIONS)
        nn.init.orthogonal_(linear.weight)
        nn.init.zeros_(linear.bias)
        self.projection = nn.Sequential(nn.LayerNorm(task.dim, elementwise_affine=False), linear)
        self.hierarchy = HIERLoss(self.BALL_DIMENSIONS, self.N_PROXIES, draws=self.DRAWS)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms of DNA and ``hier``."""
        points = to_ball(self.projection(step.features))
        hier = self.hierarchy(points, step.coarse)
        return super().forward(step) | {"hier": self.WEIGHT * hier}
