"""WSCL: a deep feature agrees with the shallow one of its text; coarse labels weigh the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import normalize

from dnalib.encoders import Batch
from dnalib.losses import WSCLLoss
from dnalib.training import Objective, Step, Task, TrainingConfig


class WSCLObjective(Objective):
    """``CE(deep) + 0.001 CE(shallow) + 0.008 L_WSCL`` (An et al., EMNLP 2022).

    Deep is the encoder's feature; shallow the mean of the stored states below the trained layers
    (layer 4 of MiniLM's 6, where the paper has layer 8 of BERT's 12). Both pass through one dense
    layer with tanh and dropout, and one linear classifier. The momentum encoder's features pass
    through the same dense layer on their way to the queue of their coarse label.

    Not as released: the shallow layer is frozen here, so that only the deep one can move towards
    it; the momentum encoder's dense layer, random and never synchronized there, is the trained
    one; features have length √d before the dense layer, as layer normalization would give them.

    Parameters
    ----------
    task : Task
    config : TrainingConfig
        ``temperature`` is the contrast's; ``coarse_weight`` scales both cross-entropies.
    """

    needs_keys = True
    needs_states = True

    SHALLOW = 0.001
    CONTRAST = 0.008
    DROPOUT = 0.1

    def __init__(self, task: Task, config: TrainingConfig):
        super().__init__()
        self.config = config
        self.dense = nn.Sequential(nn.Linear(task.dim, task.dim), nn.Tanh())
        self.dropout = nn.Dropout(self.DROPOUT)
        self.classifier = nn.Linear(task.dim, task.n_coarse)
        self.contrast = WSCLLoss(task.n_coarse, task.dim, config.temperature)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the terms ``ce``, ``shallow`` and ``wscl``."""
        shallow = normalize(shallow_features(step.batch)).to(step.queries)
        deep, shallow = (self.dropout(self._dense(unit)) for unit in (step.queries, shallow))
        ce, ce_shallow = (
            self.config.coarse_weight * F.cross_entropy(self.classifier(x), step.coarse)
            for x in (deep, shallow)
        )
        contrast = self.contrast(normalize(deep), normalize(shallow), step.coarse)
        return {
            "ce": ce,
            "shallow": self.SHALLOW * ce_shallow,
            "wscl": self.CONTRAST * contrast,
        }

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Enqueue the momentum encoder's features by coarse label."""
        self.contrast.update(normalize(self._dense(step.keys)), step.coarse)

    def _dense(self, unit: Tensor) -> Tensor:
        return self.dense(unit * unit.shape[1] ** 0.5)


def shallow_features(batch: Batch) -> Tensor:
    """Return what stands below the trained layers: mean states, or the given vectors, ``(b, d)``.

    Raises
    ------
    ValueError
        If the batch holds token ids or images, which have no states yet.
    """
    vectors = batch.mask is None and batch.values.ndim == 2
    states = batch.mask is not None and batch.values.is_floating_point()
    if not (vectors or states):
        raise ValueError(
            f"the batch holds {'images' if batch.mask is None else 'token ids'}: expected stored "
            "states, whose mean is the shallow feature; take texts, view='drop' and a number of "
            "trainable_layers"
        )
    if vectors:
        return batch.values
    weights = batch.mask[:, :, None].float()
    return (batch.values.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
