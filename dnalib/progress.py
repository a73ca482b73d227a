"""Progress a person can follow: bars in a terminal or JupyterLab, quiet lines elsewhere."""

from __future__ import annotations

import os
import sys

from tqdm.auto import tqdm


def headless() -> bool:
    """Tell whether nobody watches.

    That is where ``$DNALIB_HEADLESS`` is set, where output goes to a file, and in all but the first
    process of a launch, which would draw bars over each other.
    """
    if os.environ.get("DNALIB_HEADLESS") or os.environ.get("RANK", "0") != "0":
        return True
    return not (sys.stderr.isatty() or "ipykernel" in sys.modules)


def progress_bar(total: int, description: str, unit: str, *, show: bool = True) -> tqdm:
    """Return a tqdm bar that is silent when ``show`` is False or nobody watches."""
    return tqdm(total=total, desc=description, unit=unit, disable=not show or headless())
