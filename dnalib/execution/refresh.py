"""Refreshes what the repository shows of its notebooks: outputs, measurements and times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnalib import environment
from dnalib.execution import command
from dnalib.execution.keeping import keep_outputs
from dnalib.execution.manifest import MANIFEST, Manifest
from dnalib.execution.notebooks import Notebook, discover
from dnalib.execution.readings import check_rows, keep_readings, show_times
from dnalib.running.arguments import Parser, complain


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib refresh``; return the notebooks' exit code, 2 for a refusal."""
    parser = Parser(
        prog="refresh",
        usage="python -m dnalib refresh",
        description="Run the notebooks that are not up to date, in the quick profile, and keep "
        "the outputs of all of them in notebooks/, what they measured in results/quick.json and "
        "their times in README.md.",
    )
    parser.parse_args(arguments)
    try:
        return refresh(Path.cwd())
    except (ValueError, OSError) as error:
        return complain("refresh", error)


def refresh(root: Path) -> int:
    """Run and keep the notebooks of the project at `root`; nothing is kept if one of them fails.

    They run one at a time, and those that ran side by side run again, so that their times compare.

    Returns
    -------
    int
        As `dnalib.execution.command.main`.

    Raises
    ------
    ValueError
        When README.md has not one row of each notebook: nothing is run then. Or when the outputs of
        a notebook cannot be kept.
    FileNotFoundError
        When there is no notebook, or no README.md.
    """
    output, readme = root / "outputs" / "quick", root / "README.md"
    notebooks = discover(root / "notebooks")
    check_rows([notebook.name for notebook in notebooks], readme)
    failed = 0
    if otherwise := _measured_otherwise(output, notebooks):
        failed = command.main(["--output", str(output), "--force", "--only", *otherwise], root=root)
    failed = failed or command.main(["--output", str(output)], root=root)
    if not failed:
        for notebook in notebooks:
            keep_outputs(notebook.path, output / "executed" / notebook.path.name)
        names = [notebook.name for notebook in notebooks]
        readings = keep_readings(output, names, root / "results" / "quick.json")
        show_times(readings, readme)
    return failed


def _measured_otherwise(output: Path, notebooks: list[Notebook]) -> list[str]:
    """Return the notebooks that ran with other threads, as side by side, than they have alone."""
    alone, manifest = environment.threads_used(environment.cores()), Manifest(output / MANIFEST)
    entries = {notebook.name: manifest.entry(notebook.name) or {} for notebook in notebooks}
    return [name for name, entry in entries.items() if entry.get("threads", alone) != alone]
