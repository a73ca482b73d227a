"""What every loss asks of its settings and inputs, and the one sentence it refuses them with."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def above_zero(name: str, value: float) -> float:
    """Return ``value``; a ValueError says that ``name`` should be a number above 0."""
    if not value > 0:
        raise ValueError(f"{name} is {value}: expected a number above 0")
    return value


def share(name: str, value: float) -> float:
    """Return ``value``; a ValueError says that ``name`` should lie in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}: expected a number in [0, 1]")
    return value


def one_of(name: str, value: object, choices: Iterable[object]) -> object:
    """Return ``value``; a ValueError names the choices that exist."""
    choices = tuple(choices)
    if value not in choices:
        known = ", ".join(str(choice) for choice in choices)
        raise ValueError(f"{name} is {value!r}: expected one of {known}")
    return value


def same_shape(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise a ValueError unless both are of one shape."""
    if tensor.shape != other.shape:
        raise ValueError(
            f"{other_name} has shape {tuple(other.shape)}: expected {tuple(tensor.shape)}, "
            f"the shape of {name}"
        )


def one_each(name: str, tensor: Tensor, of_name: str, of: Tensor) -> None:
    """Raise a ValueError unless ``tensor`` has a row for each row of ``of``.

    Without it one row too few may be broadcast over all, and give a number that means nothing.
    """
    if len(tensor) != len(of):
        raise ValueError(
            f"{name} has {len(tensor)} rows: expected {len(of)}, one for each of {of_name}"
        )
