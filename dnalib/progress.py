"""Progress a person can follow: bars in a terminal or JupyterLab, quiet lines elsewhere."""

from __future__ import annotations

import os
import sys
import time

from tqdm.auto import tqdm

LINE_EVERY = 60.0
"""Seconds between two lines where nobody watches a bar."""


def headless() -> bool:
    """Tell whether nobody watches.

    That is where ``$DNALIB_HEADLESS`` is set, where output goes to a file, and in all but the first
    process of a launch, which would draw bars over each other.
    """
    if os.environ.get("DNALIB_HEADLESS") or os.environ.get("RANK", "0") != "0":
        return True
    return not (sys.stderr.isatty() or "ipykernel" in sys.modules)


def progress_bar(total: int, description: str, unit: str, *, show: bool = True) -> tqdm | Lines:
    """Return a tqdm bar, or where nobody watches `Lines`; both silent when ``show`` is False."""
    if show and headless():
        return Lines(total, description, unit)
    return tqdm(total=total, desc=description, unit=unit, disable=not show)


class Lines:
    """A bar for logs: a line a minute with an estimate, and none for what takes less.

    Parameters
    ----------
    total : int
    description, unit : str
        As of a tqdm bar.
    """

    def __init__(self, total: int, description: str, unit: str):
        self.total, self.description, self.unit = total, description, unit
        self.done, self.started = 0, time.monotonic()
        self._next = self.started + LINE_EVERY

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *failure: object) -> None:
        """Nothing to close."""

    def update(self, n: int = 1) -> None:
        """Count n more as done, and print a line if it is time for one."""
        self.done += n
        now = time.monotonic()
        if now < self._next or not 0 < self.done < self.total:
            return
        self._next = now + LINE_EVERY
        left = (now - self.started) * (self.total - self.done) / self.done
        print(
            f"{self.description}: {self.done:,} of {self.total:,} {self.unit}s, "
            f"about {duration(left)} left",
            flush=True,
        )


def duration(seconds: float) -> str:
    """Return a rough duration in words.

    Examples
    --------
    >>> duration(42), duration(200), duration(5000)
    ('42 s', '3 min', '1 h 23 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
