"""Whole numbers, told apart from True, from 2.0 and from all else that a setting may be."""

from __future__ import annotations

import numpy as np


def is_whole(number: object) -> bool:
    """Tell whether a setting is a whole number, which True and False are not."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def require_whole(name: str, number: object, least: int) -> int:
    """Return ``number``; a ValueError says that ``name`` should be whole, ``least`` or more."""
    if not is_whole(number) or number < least:
        raise ValueError(f"{name} is {number!r}: expected a whole number, {least} or more")
    return int(number)
