"""HIER: a supervised metric loss, and learned ancestors above and between its classes."""

from __future__ import annotations

from types import MappingProxyType

from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.hyperbolic import to_ball
from dnalib.losses import HIERLoss
from dnalib.training import Objective, Step, Task, TrainingConfig

BALL_DIMENSIONS = 128
N_PROXIES = 128
DRAWS = 10
"""Triplets of each point. The paper's 512 proxies and 50 draws take 40 times as long."""
WEIGHT = 0.5
PROXY_RATE = 50.0
"""HIER's proxies learn at this multiple of the rate; at 1 they would hardly leave their start."""

BASES = ("proxy-anchor", "multi-similarity")
"""Metric losses of pytorch-metric-learning, with the settings of HIER's released code."""


class BallProjection(nn.Sequential):
    """HIER's head: a normalization without weights, then a linear map, orthogonal at the start.

    Its output (n, ball_dim) is Euclidean; `dnalib.hyperbolic.to_ball` takes it into the ball.
    The length of a feature makes next to no difference.
    """

    def __init__(self, dim: int, ball_dim: int = BALL_DIMENSIONS):
        linear = nn.Linear(dim, ball_dim)
        nn.init.orthogonal_(linear.weight)
        nn.init.zeros_(linear.bias)
        super().__init__(nn.LayerNorm(dim, elementwise_affine=False), linear)


class MetricObjective(Objective):
    """``L_metric + 0.5 L_HIER`` over the labels of the rows (Kim et al., HIER, CVPR 2023).

    The metric loss sees directions, and HIER the same vectors mapped into the Poincaré ball. For
    metric learning the labels are the classes; for category discovery they are coarse, and what
    lies below them is left to the hierarchy.

    Parameters
    ----------
    task : Task
        Its ``n_coarse`` is the number of labels.
    config : TrainingConfig
    base : {"proxy-anchor", "multi-similarity"}, default "proxy-anchor"
        Kim et al., Proxy Anchor Loss, CVPR 2020; Wang et al., Multi-Similarity Loss, CVPR 2019.
    weight : float, default 0.5
        Of HIER; 0 is the metric loss alone, in the same network.
    ball_dim, n_proxies, draws : int
        Of the ball, and of `dnalib.losses.HIERLoss`.

    Notes
    -----
    Not as released: batches are drawn without regard to classes (there two images a class), and
    Proxy-Anchor's proxies learn at 100 times the rate (there 10,000 times a rate 20 to 40 times
    smaller).
    """

    rate_factors = MappingProxyType({"hierarchy.vectors": PROXY_RATE, "base.proxies": 100.0})

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        *,
        base: str = "proxy-anchor",
        weight: float = WEIGHT,
        ball_dim: int = BALL_DIMENSIONS,
        n_proxies: int = N_PROXIES,
        draws: int = DRAWS,
    ):
        super().__init__()
        self.weight = weight
        self.projection = BallProjection(task.dim, ball_dim)
        self.base = _make_base(base, task.n_coarse, ball_dim)
        self.hierarchy = None
        if weight:
            self.hierarchy = HIERLoss(ball_dim, n_proxies, draws=draws, seed=task.seed)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``metric`` and, unless its weight is 0, ``hier``."""
        vectors = self.projection(step.queries)
        terms = {"metric": self.base(normalize(vectors), step.coarse)}
        if self.hierarchy is not None:
            points = to_ball(vectors, riemannian=True)
            terms["hier"] = self.weight * self.hierarchy(points, step.coarse)
        return terms


def _make_base(name: str, n_labels: int, dim: int) -> nn.Module:
    if name not in BASES:
        raise ValueError(f"base {name!r} is unknown: expected one of {', '.join(BASES)}")
    # Imported here, since most methods need no metric loss.
    from pytorch_metric_learning.losses import MultiSimilarityLoss, ProxyAnchorLoss

    if name == "proxy-anchor":
        return ProxyAnchorLoss(n_labels, dim, margin=0.1, alpha=32)
    return MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
