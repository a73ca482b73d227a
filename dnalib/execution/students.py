"""Copies of the worked solutions for students: the questions, the hints and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat

from dnalib.files import atomic_path
from dnalib.running.arguments import Parser, complain

SOLUTION = "solution"
PLACES = {"code": "# Your code here.", "markdown": "*Your answer.*"}
"""What stands in place of a solution."""


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook with every cell tagged ``solution`` emptied, and without outputs."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if SOLUTION in cell.metadata.get("tags", []):
            cell.source = PLACES[cell.cell_type]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return copy


def make_copies(solutions: Path, target: Path) -> list[Path]:
    """Write a student's copy of every notebook in `solutions` into `target`; return the copies.

    Raises
    ------
    FileNotFoundError
        When there is no notebook in `solutions`.
    """
    paths = sorted(solutions.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"there is no notebook in {solutions}: expected worked solutions; run it in a clone of "
            "the repository"
        )
    target.mkdir(parents=True, exist_ok=True)
    copies = [target / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        emptied = without_solutions(nbformat.read(path, as_version=4))
        with atomic_path(copy) as temporary:
            temporary.write_text(nbformat.writes(emptied) + "\n", "utf-8")
    return copies


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib students``; return the exit code."""
    parser = Parser(
        prog="students",
        usage="python -m dnalib students [--output FOLDER]",
        description="Write the exercises without their solutions, for students.",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("outputs/students"))
    asked = parser.parse_args(arguments)
    try:
        copies = make_copies(Path("notebooks/solutions"), asked.output)
    except (ValueError, OSError) as error:
        return complain("students", error)
    print(f"{len(copies)} notebooks in {asked.output}")
    return 0
