"""The weighted contrastive loss of WSCL."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnalib.losses.checks import above_zero, same_shape
from dnalib.losses.memory import FeatureQueue


class WSCLLoss(nn.Module):
    r"""A deep feature agrees with the shallow one of its text and with no other text's.

    With unit features :math:`d_i` of a deep and :math:`s_i` of a shallow layer, coarse labels
    :math:`y_i`, weights :math:`w_{ij}` of pairs within and across coarse labels, and a queue
    :math:`Q(y)` of earlier texts of each coarse label,

    .. math::
        L = -\frac{1}{b} \sum_i \Big[ \frac{d_i \cdot s_i}{\tau}
            - \log \sum_{j \ne i} w_{ij} e^{d_i \cdot s_j / \tau}
            - \log \sum_{j \ne i} w_{ij} e^{d_i \cdot d_j / \tau}
            - \log \sum_{m \in Q(y_i)} e^{d_i \cdot m / \tau} \Big] .

    Parameters
    ----------
    n_coarse : int
        Coarse labels.
    dim : int
        Length of a feature.
    temperature : float, default 0.1
    same, different : float, default 1.0 and 1.4
        Weights of pairs with the same and with different coarse labels.
    queue_size : int, default 64
        Slots of each coarse label's queue.

    Notes
    -----
    A sum over nothing (a batch of one, an empty queue) leaves its term out; in the released code
    the queue starts from zeros, which take part. Enqueue after the loss with `update`; WSCL
    enqueues features of a momentum encoder. The whole objective of WSCL is CE(deep) +
    0.001 CE(shallow) + 0.008 times this loss.

    *Relations*: unlike in `SimCSELoss` the positive is not in the denominators, which therefore
    push however near it is, and the other view is another layer.

    References
    ----------
    An et al., Fine-grained Category Discovery under Coarse-grained Supervision with Hierarchical
    Weighted Self-contrastive Learning, EMNLP 2022, and its released code.

    Examples
    --------
    >>> loss = WSCLLoss(n_coarse=2, dim=2, temperature=1.0)
    >>> rows = torch.eye(2)
    >>> round(loss(rows, rows, torch.tensor([0, 0])).item(), 4)
    -1.0
    """

    def __init__(
        self,
        n_coarse: int,
        dim: int,
        temperature: float = 0.1,
        same: float = 1.0,
        different: float = 1.4,
        queue_size: int = 64,
    ):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)
        self.same = above_zero("same", same)
        self.different = above_zero("different", different)
        self.queues = nn.ModuleList(FeatureQueue(queue_size, dim) for _ in range(n_coarse))

    def forward(self, deep: Tensor, shallow: Tensor, coarse: Tensor) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        deep, shallow : Tensor (b, d)
            Unit rows of the same b texts.
        coarse : Tensor (b,) int64
            Their coarse labels.
        """
        same_shape("deep", deep, "shallow", shallow)
        alike = coarse[:, None] == coarse
        weights = deep.new_full(alike.shape, self.different)
        weights = weights.masked_fill(alike, self.same).fill_diagonal_(0)
        rows, labels = self._queued(deep)
        in_queue = (coarse[:, None] == labels).to(deep)
        repulsion = (
            self._log_sum(deep @ shallow.T, weights)
            + self._log_sum(deep @ deep.T, weights)
            + self._log_sum(deep @ rows.T, in_queue)
        )
        attraction = (deep * shallow).sum(1) / self.temperature
        return (repulsion - attraction).mean()

    def _log_sum(self, similarities: Tensor, weights: Tensor) -> Tensor:
        """Return each row's log of the weighted sum of exponentials; 0 where all weights are."""
        filled = (weights > 0).any(1)
        logits = similarities[filled] / self.temperature + weights[filled].log()
        sums = similarities.new_zeros(len(similarities))
        return sums.masked_scatter(filled, torch.logsumexp(logits, dim=1))

    def _queued(self, like: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat([queue.features for queue in self.queues]).to(like)
        return rows, torch.cat([queue.labels for queue in self.queues])

    def update(self, features: Tensor, coarse: Tensor) -> None:
        """Enqueue ``features (b, d)`` by their coarse labels ``(b,)``."""
        for label, queue in enumerate(self.queues):
            of_label = coarse == label
            queue.update(features[of_label], coarse[of_label])
