"""What one cell of a table says: labels as plain text that every file takes."""

from __future__ import annotations

import numpy as np


def plain_label(label: object) -> str:
    """Return a label as text in one line, without blanks around it.

    A whole number is written without its fraction, for pandas makes 1.0 of every 1 in a column
    where a value is missing.

    Examples
    --------
    >>> plain_label(1.0), plain_label("two\\nlines ")
    ('1', 'two lines')
    """
    if isinstance(label, float | np.floating) and float(label).is_integer():
        label = int(label)
    return " ".join(without_halves(str(label)).split())


def without_halves(text: str) -> str:
    """Return a text with a question mark for each half of a character (a lone surrogate)."""
    return text.encode("utf-8", "replace").decode("utf-8")
