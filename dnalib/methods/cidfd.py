"""A reconstruction of cIDFD: IDFD that a reference set tells what is background."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dnalib.encoders import Batch
from dnalib.losses import CIDFDLoss
from dnalib.training import Objective, Step, Task, TrainingConfig, copy_encoder
from dnalib.training.views import make_view


class CIDFDObjective(Objective):
    """``L_cID + L_cFD`` of `dnalib.losses.CIDFDLoss`: **a reconstruction**, not the authors' loss.

    The task's encoder gives the salient features; a second one, kept here, sees the same view of
    the targets and, at each step, as many inputs of the task's reference set.

    Parameters
    ----------
    task : Task
        With a ``reference``.
    config : TrainingConfig
        ``temperature``, ``view`` and ``view_rate`` are those of targets and reference alike.
    background : nn.Module, optional
        The encoder of the background, by default a copy of the task's. One whose parameters need
        no gradient keeps them; statistics of batch normalization follow what it sees.
    sign, cross_block, stop_background
        As in `CIDFDLoss`.

    Raises
    ------
    ValueError
        If the task has no reference set.
    """

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        *,
        background: nn.Module | None = None,
        sign: int = 1,
        cross_block: bool = True,
        stop_background: bool = False,
    ):
        super().__init__()
        n_reference = self._take_reference(task)
        self.background = copy_encoder(task.encoder) if background is None else background
        self.view = make_view(config.view, config.view_rate, self.background)
        self.cidfd = CIDFDLoss(
            task.n,
            n_reference,
            task.dim,
            config.temperature,
            sign=sign,
            cross_block=cross_block,
            stop_background=stop_background,
            seed=task.seed,
        )
        self._seen: tuple[Tensor, ...] = ()

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return the term ``cidfd``."""
        background = normalize(self.background(step.batch))
        batch, rows = self._draw_reference(step)
        reference = normalize(self.background(batch))
        inputs = (step.queries, background, step.indices, reference, rows.to(step.indices.device))
        self._seen = tuple(tensor.detach() for tensor in inputs)
        return {"cidfd": self.cidfd(*inputs)}

    def after_step(self, step: Step) -> None:
        """Move the three memories towards the step's features."""
        self.cidfd.update(*self._seen)

    def _take_reference(self, task: Task) -> int:
        """Keep what reference inputs are drawn from; return how many there are."""
        if task.reference is None:
            raise ValueError(
                "the task has no reference set: expected prepared inputs that are background alone"
            )
        self.reference = task.reference
        return len(task.reference)

    def _draw_reference(self, step: Step) -> tuple[Batch, Tensor]:
        """Return a batch of different reference inputs, and which ones ``(r,)`` they are."""
        rows = torch.randperm(len(self.reference))[: len(step.indices)]
        # The loop seeds torch's own generator at each epoch, so a resumed run draws the same.
        return self.view(self.reference, rows, torch.default_generator), rows
