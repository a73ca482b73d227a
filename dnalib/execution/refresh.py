"""Refreshes what the repository shows: runs the notebooks and keeps their outputs in them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dnalib.execution import command
from dnalib.execution.keeping import keep_outputs
from dnalib.execution.notebooks import discover


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib refresh``; return the exit code of the notebooks' run."""
    parser = argparse.ArgumentParser(
        prog="python -m dnalib refresh",
        description="Run the notebooks that are not up to date, in the quick profile, and keep "
        "the outputs of all of them in notebooks/.",
    )
    parser.parse_args(arguments)
    return refresh(Path.cwd())


def refresh(root: Path) -> int:
    """Run and keep the notebooks of the project at `root`; nothing is kept if one of them fails.

    Returns
    -------
    int
        As `dnalib.execution.command.main`.
    """
    output = root / "outputs" / "quick"
    failed = command.main(["--output", str(output)], root=root)
    if not failed:
        for notebook in discover(root / "notebooks"):
            keep_outputs(notebook.path, output / "executed" / notebook.path.name)
    return failed
