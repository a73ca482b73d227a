"""How a notebook, and a whole run, can end.

``docs/when-something-goes-wrong.md`` says of each what to do; a test keeps the two in step.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from dnalib.running.interrupts import INTERRUPTED


class Outcome(StrEnum):
    """How a notebook ended."""

    DONE = "done"
    UP_TO_DATE = "up to date"
    FAILED = "failed"
    CELL_TIMEOUT = "timed out (cell)"
    NOTEBOOK_TIMEOUT = "timed out (notebook)"
    OUT_OF_MEMORY = "out of memory"
    KERNEL_DIED = "kernel died"
    MISSING_ARTIFACT = "missing artifact"
    CANNOT_WRITE = "cannot write"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"

    @property
    def good(self) -> bool:
        """Whether the results of this notebook are there and right."""
        return self in (Outcome.DONE, Outcome.UP_TO_DATE)


@dataclass(frozen=True)
class Result:
    """The outcome of one notebook, with what a person wants to know about it in one sentence.

    ``cpu_seconds`` are those of all its processes, 0 where they had to be killed. ``where`` tells
    of the machine that it was run on when that is another one.
    """

    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    where: dict[str, object] = field(default_factory=dict)


ALL_WELL, LOCKED, DIFFERENT = 0, 7, 9

# In the order in which they decide: a run that ended in several ways exits with the first.
EXIT_CODES = {
    Outcome.CANNOT_WRITE: 8,
    Outcome.OUT_OF_MEMORY: 10,
    Outcome.KERNEL_DIED: 5,
    Outcome.FAILED: 1,
    Outcome.CELL_TIMEOUT: 3,
    Outcome.NOTEBOOK_TIMEOUT: 4,
    Outcome.MISSING_ARTIFACT: 6,
    Outcome.INTERRUPTED: INTERRUPTED,
}


def exit_code(results: Iterable[Result]) -> int:
    """Return the exit code of a run whose notebooks ended so."""
    seen = {result.outcome for result in results}
    return next((code for outcome, code in EXIT_CODES.items() if outcome in seen), ALL_WELL)
