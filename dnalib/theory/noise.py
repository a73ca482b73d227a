"""What false positives do to the center of a neighborhood."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dnalib.theory.problem import Array, masked_mean, require_positives


@dataclass(frozen=True, eq=False)
class NoiseShift:
    """How far false positives move the center; see `noise_shift`. All have shape (B,).

    Attributes
    ----------
    rate : Tensor
        rho, the share of false positives.
    distance : Tensor
        ||h_bar_false - h_bar_true||, 0 where there is no false positive.
    shift : Tensor
        ||h_bar - h_bar_true||, measured on the centers: equal to rate * distance.
    """

    rate: Tensor
    distance: Tensor
    shift: Tensor


def noise_shift(keys: Array, positives: Array, false: Array) -> NoiseShift:
    """How far false positives pull the center of a neighborhood: the quantitative case for filters.

    Derivation. With a share rho of false positives the center is a mixture,

        h_bar = (1 - rho) h_bar_true + rho h_bar_false,
        h_bar - h_bar_true = rho (h_bar_false - h_bar_true),

    so it moves by exactly rho ||h_bar_false - h_bar_true||. The precision of the neighbors is
    1 - rho: it enters the objective linearly. Length does not matter here.

    Parameters
    ----------
    keys : Tensor or array, shape (N, d)
        The bank.
    positives : Tensor or array of int64, shape (B, P)
        Rows of `keys`, padded with -1.
    false : Tensor or array of bool, shape (B, P)
        Whether a positive is of another fine category than its query; padding is ignored.

    Returns
    -------
    NoiseShift
        A query without a true positive has no true center: its distance and shift are NaN.

    Raises
    ------
    ValueError
        If a row has no positive, or the shapes differ.
    """
    keys, positives = torch.as_tensor(keys), torch.as_tensor(positives)
    false = torch.as_tensor(false)
    if false.shape != positives.shape:
        raise ValueError(
            f"false has shape {tuple(false.shape)} for positives of shape "
            f"{tuple(positives.shape)}: give one flag per positive."
        )
    present = positives >= 0
    require_positives(keys, positives)
    n_false = (present & false).sum(1)
    true_center = masked_mean(keys, positives, present & ~false)
    false_center = masked_mean(keys, positives, present & false)
    return NoiseShift(
        rate=n_false.to(keys.dtype) / present.sum(1),
        distance=(false_center - true_center).norm(dim=1).masked_fill(n_false == 0, 0),
        shift=(masked_mean(keys, positives, present) - true_center).norm(dim=1),
    )
