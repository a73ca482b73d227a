"""Lower bounds of the DNA loss and of its log-partition."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dnalib.theory.problem import Array, gather_columns, make_problem


@dataclass(frozen=True, eq=False)
class Bounds:
    """The loss and its lower bounds; see `bounds`. All have shape (B,).

    Attributes
    ----------
    loss : Tensor
        L.
    log_positives : Tensor
        ``log |P|``, at most L.
    inside_log : Tensor
        L_in, the loss with the mean over positives inside the logarithm, at most L.
    log_partition : Tensor
        log Z.
    log_partition_bound : Tensor
        log N + q.mean(h) / tau, at most log Z.
    """

    loss: Tensor
    log_positives: Tensor
    inside_log: Tensor
    log_partition: Tensor
    log_partition_bound: Tensor


def bounds(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Bounds:
    """Lower bounds of the loss and of its log-partition.

    1. ``L >= log |P|``. L is the cross-entropy of the softmax over keys against the uniform law on
       P, hence at least that law's entropy. Equality needs the softmax to be uniform on P with no
       mass elsewhere, which no finite tau attains when there are keys outside P. A loss that nears
       log ``|P|`` has thus nothing left to gain, and losses with different ``|P|`` do not compare
       directly.
    2. L >= L_in = -log(mean over P of exp(q.h_p / tau)) + log Z, by Jensen's inequality; equality
       if and only if all q.h_p are equal. L asks every positive to be near, L_in only some.
    3. log Z >= log N + q.mean(h) / tau, by Jensen's inequality; equality if and only if all q.h_k
       are equal. As N grows over keys drawn from one law, log Z - log N tends to log E exp(q.h /
       tau), which is the uniformity of Wang & Isola (2020) up to the choice of kernel width.

    None of them needs unit length.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`, without the demand on length. Positives must be among the keys of Z.

    Returns
    -------
    Bounds

    Raises
    ------
    ValueError
        As `decompose`, except for length.
    """
    problem = make_problem(queries, keys, positives, temperature, self_index)
    log_positives = problem.mask.sum(1).to(problem.keys.dtype).log()
    logits = problem.logits()
    positive_logits = gather_columns(logits, problem.positives)
    inside = torch.logsumexp(positive_logits.masked_fill(~problem.mask, -math.inf), dim=1)
    log_partition = problem.log_partition()
    n_keys = logits.shape[1] - (problem.self_index is not None)
    mean_logit = logits.masked_fill(logits == -math.inf, 0).sum(1) / n_keys
    return Bounds(
        loss=problem.loss(),
        log_positives=log_positives,
        inside_log=log_positives - inside + log_partition,
        log_partition=log_partition,
        log_partition_bound=math.log(n_keys) + mean_logit,
    )
