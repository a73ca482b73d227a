"""A reconstruction of cIDFD on texts, whose background is what a coarse label's texts share."""

from __future__ import annotations

import torch
from torch import Tensor

from dnalib.encoders import Batch
from dnalib.methods.cidfd import CIDFDObjective
from dnalib.training import Step, Task


class CoarseCIDFDObjective(CIDFDObjective):
    """``L_cID + L_cFD``, **a reconstruction** (`CIDFDObjective`), with a reference set for texts.

    Images have backgrounds that can be photographed alone; texts do not. What is not of interest
    here is the coarse label: the fine categories of one label share its topic and words. So the
    reference set has one input for each coarse label, its topic without any of its categories:
    made anew at each step from the batch, by drawing every token from a random text of the label
    (`mixtures`). The background encoder must tell these topics apart; the salient one is then
    left with what a topic does not explain. That choice is ours, as is the loss.
    """

    def _take_reference(self, task: Task) -> int:
        return task.n_coarse

    def _draw_reference(self, step: Step) -> tuple[Batch, Tensor]:
        return mixtures(step.batch, step.coarse.cpu())


def mixtures(batch: Batch, coarse: Tensor) -> tuple[Batch, Tensor]:
    """Return one mixture of each coarse label in a batch, and the labels.

    Torch's own generator draws, which the training loop seeds at each epoch.

    Parameters
    ----------
    batch : Batch
        b inputs: states or ids of tokens, or vectors.
    coarse : Tensor (b,) int64
        On the CPU, as the batch is.

    Returns
    -------
    mixtures : Batch
        As long as the batch, without padding: every token is one of a random text of the label.
        Of vectors every coordinate is that of a random one.
    labels : Tensor (r,) int64
        Sorted.

    Raises
    ------
    ValueError
        Of images, which have nothing that can be drawn place by place.

    Examples
    --------
    >>> batch = Batch(torch.tensor([[1.0, 1.0], [2.0, 2.0]]))
    >>> mixed, labels = mixtures(batch, torch.tensor([3, 1]))
    >>> mixed.values.tolist(), labels.tolist()
    ([[2.0, 2.0], [1.0, 1.0]], [1, 3])
    """
    if batch.mask is None and batch.values.ndim != 2:
        raise ValueError(
            f"the batch has the shape {tuple(batch.values.shape)}: expected texts or vectors; of "
            "images give CIDFDObjective a reference set"
        )
    labels = coarse.unique()
    members = labels[:, None] == coarse
    length = batch.values.shape[1]
    if batch.mask is None:
        drawn = members.float().multinomial(length, replacement=True)
        return Batch(batch.values[drawn, torch.arange(length)]), labels
    tokens = (members[:, :, None] & batch.mask).flatten(1)
    drawn = tokens.float().multinomial(length, replacement=True)
    values = batch.values.flatten(0, 1)[drawn]
    return Batch(values, torch.ones_like(drawn, dtype=torch.bool)), labels
