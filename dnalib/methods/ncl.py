"""NCL: what is labeled teaches features whose neighbors reveal classes that nobody has labeled."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnalib.losses import (
    ConsistencyLoss,
    FeatureQueue,
    NCLLoss,
    PairwiseBCELoss,
    SupervisedContrastiveLoss,
    mix_hard_negatives,
    same_by_cosine,
    same_by_share,
)
from dnalib.training import Objective, Step, Task, TrainingConfig


class NCLObjective(Objective):
    """Joint training of NCL: ``L_ce + L_bce + w L_mse + L_ncl + 0.1 L_scl`` (Zhong et al.).

    A row with a label >= 0 is of a known class, a row with -1 of one of the novel classes. Known
    rows are classified by one head and contrasted with the queued rows of their label; novel rows
    are assigned by the other, which learns from pairs judged to be of one class, and contrasted
    with their nearest queued rows. Predictions of both heads should agree on two views of a row.
    The novel classes of rows are ``novel_head(features).argmax(1)``, or k-means on features.

    The two contrasts begin with the second epoch, hard negatives with the fourth, as in the
    released code. Not as there: the ramp of the consistency lasts a quarter of the epochs, as 50
    of 200 do; a queue holds at most as many rows as a quarter of the inputs, which is half of the
    rows of its kind where half are known, so that about one query in eight meets its own feature of
    the epoch before in it (one in thirty of `CoarseNCLObjective`, whose queue is a quarter of all);
    all that the encoder trains is trained; and see ``same_above``. As there, hard negatives are
    mixed from the 400 farthest queued rows (50 of five classes), however short the queue is.

    Parameters
    ----------
    task : Task
        With ``n_coarse`` known and ``n_clusters`` novel classes.
    config : TrainingConfig
        ``temperature`` is that of both contrasts; ``coarse_weight`` that of ``ce``.
    contrast : float, default 1.0
        Weight of the neighborhood contrast; 0 leaves it out.
    supervised : float, default 0.1
        Weight of the supervised contrast; 0 leaves it out.
    hard_negatives : bool, default False
        Mix known and novel features into further negatives of the neighborhood contrast.
    same_above : float, optional
        Cosine above which a pair is judged to be of one class; the paper has 0.95, for features
        after a ReLU. Default: the most similar pairs, as many as there would be if all novel
        classes were alike, which suits any features.

    References
    ----------
    Zhong et al., Neighborhood Contrastive Learning for Novel Class Discovery, CVPR 2021, and its
    released code.
    """

    needs_second_view = True

    CONSISTENCY = 5.0
    RAMP_SHARE = 0.25
    QUEUE_SIZE = 2000
    QUEUE_SHARE = 0.25
    FIRST_CONTRAST = 1
    FIRST_MIX = 3

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        *,
        contrast: float = 1.0,
        supervised: float = 0.1,
        hard_negatives: bool = False,
        same_above: float | None = None,
    ):
        super().__init__()
        self.config = config
        self.n_novel = task.require_clusters()
        self.contrast_weight = contrast
        self.supervised_weight = supervised
        self.hard_negatives = hard_negatives
        self.same_above = same_above
        size = max(1, min(self.QUEUE_SIZE, int(self.QUEUE_SHARE * task.n)))
        self.known_queue, self.novel_queue = (FeatureQueue(size, task.dim) for _ in range(2))
        self.known_head = nn.Linear(task.dim, task.n_coarse)
        self.novel_head = nn.Linear(task.dim, self.n_novel)
        self.pairwise = PairwiseBCELoss()
        self.consistency = ConsistencyLoss(self.CONSISTENCY, self.RAMP_SHARE * config.epochs)
        nearest = max(1, size // self.n_novel // 2)
        self.neighborhood = NCLLoss(nearest, temperature=config.temperature)
        self.of_label = SupervisedContrastiveLoss(config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms ``mse``, ``ce``, ``scl``, ``bce``, ``ncl``: those that rows are for."""
        known, novel = self.rows(step.coarse)
        terms = {"mse": self._consistency(step)}
        if known.any():
            terms |= self._of_known(step, known)
        if novel.any():
            terms |= self._of_novel(step, novel)
        return terms

    def after_step(self, step: Step) -> None:
        """Enqueue the batch's features."""
        known, novel = self.rows(step.coarse)
        self.known_queue.update(step.queries[known], step.coarse[known])
        self.novel_queue.update(step.queries[novel])

    def rows(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows count as known and which as novel, ``(b,)`` bool each."""
        known = coarse >= 0
        return known, ~known

    def _consistency(self, step: Step) -> Tensor:
        return sum(
            self.consistency(head(step.features), head(step.second_features), step.epoch)
            for head in (self.known_head, self.novel_head)
        )

    def _of_known(self, step: Step, rows: Tensor) -> dict[str, Tensor]:
        labels = step.coarse[rows]
        loss = F.cross_entropy(self.known_head(step.features[rows]), labels)
        terms = {"ce": self.config.coarse_weight * loss}
        if self.supervised_weight and step.epoch >= self.FIRST_CONTRAST:
            queue = self.known_queue
            views = step.queries[rows], step.second[rows]
            loss = self.of_label(*views, labels, queue.features, queue.labels)
            terms["scl"] = self.supervised_weight * loss
        return terms

    def _of_novel(self, step: Step, rows: Tensor) -> dict[str, Tensor]:
        features, second = step.features[rows], step.second_features[rows]
        first_p, second_p = (self.novel_head(view).softmax(1) for view in (features, second))
        terms = {"bce": self.pairwise(first_p, second_p, self._same(features))}
        if self.contrast_weight and step.epoch >= self.FIRST_CONTRAST:
            queries, views = step.queries[rows], step.second[rows]
            hard = self._hard_negatives(queries, step.epoch)
            loss = self.neighborhood(queries, views, self.novel_queue.features, hard)
            terms["ncl"] = self.contrast_weight * loss
        return terms

    def _same(self, features: Tensor) -> Tensor:
        if self.same_above is not None:
            return same_by_cosine(features, self.same_above)
        return same_by_share(features, 1 / self.n_novel)

    def _hard_negatives(self, queries: Tensor, epoch: int) -> Tensor | None:
        filled = len(self.known_queue) and len(self.novel_queue)
        if not (self.hard_negatives and filled and epoch >= self.FIRST_MIX):
            return None
        n_far = 50 if self.n_novel == 5 else 400  # the released code's
        return mix_hard_negatives(
            queries, self.novel_queue.features, self.known_queue.features, n_far
        )


class CoarseNCLObjective(NCLObjective):
    """NCL where classes are known on another level: coarse labels on every row, no fine one.

    The coarse labels are the known classes and the fine categories the novel ones, so that every
    row is both: known to the coarse head and to the supervised contrast, novel to the head of
    ``n_clusters`` fine categories and to the neighborhood contrast. A known and a novel feature
    may then be of one fine category, so there are no hard negatives to mix.
    """

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__(task, config)

    def rows(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows have a coarse label, and all rows, ``(b,)`` bool each."""
        return coarse >= 0, torch.ones_like(coarse, dtype=torch.bool)
