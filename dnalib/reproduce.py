"""One command for every number of README's tables: what is missing is run, the rest is read."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dnalib.running.arguments import FAILED, Parser, complain, count
from dnalib.running.interrupts import Terminated, exit_code_of
from dnalib.studies.command import STUDIES

PROGRAM = "reproduce"
PLAN = Path("results/plan.toml")
README = Path("README.md")
PATIENCE_SECONDS = 2
"""Within them a step that heard of Ctrl-C itself has ended."""


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib reproduce`` in a clone of the repository.

    Returns
    -------
    int
        0 when every step was done, 1 when some failed (the others were run all the same), 2 when
        the command line or the folder was refused, 130 after Ctrl-C and 143 after SIGTERM.
    """
    parser = Parser(
        prog=PROGRAM,
        usage="python -m dnalib reproduce [--jobs N]",
        description="Run what results/ lacks (the grid of results/plan.toml, then every study), "
        "the notebooks, and make README's tables from it. Stopped, it goes on where it was.",
    )
    parser.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="runs of the grid at a time (default: 1)"
    )
    jobs = parser.parse_args(arguments).jobs
    for path in (PLAN, README):
        if not path.exists():
            return complain(
                PROGRAM, f"there is no {path} here; run it in a clone of the repository"
            )
    return exit_code_of(lambda: _run_all(jobs))


def _run_all(jobs: int) -> int:
    failed = [step for step in steps(jobs) if _run(step)]
    if failed:
        return complain(PROGRAM, f"failed: {', '.join(failed)}; what they said is above", FAILED)
    return 0


def steps(jobs: int) -> list[str]:
    """Return the arguments of ``python -m dnalib``, one command after the other."""
    return [
        f"benchmark --plan {PLAN} --jobs {jobs}",
        *(f"study {name}" for name in STUDIES),
        "refresh",
        f"benchmark --tables {README}",
    ]


def _run(step: str) -> int:
    """Run a step; interrupted, wait until it has cleaned up, however long that takes."""
    print(f"python -m dnalib {step}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "dnalib", *step.split()])
    try:
        return process.wait()
    except KeyboardInterrupt as interrupt:
        # A terminal sends Ctrl-C to the step as well; whoever knows of this process alone does not.
        try:
            process.wait(0 if isinstance(interrupt, Terminated) else PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # as the Ctrl-C that it did not hear
        process.wait()
        raise
