"""The command line of ``python -m dnalib book``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnalib.book.build import build
from dnalib.running.arguments import Parser, complain


def main(arguments: Sequence[str]) -> int:
    """Build the book; return 0, 1 when Sphinx had something to complain about, 2 for a refusal."""
    parser = Parser(
        prog="book",
        usage="python -m dnalib book [--output FOLDER]",
        description="Build all notebooks, pages and docstrings as one site to be read offline.",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("outputs/book"))
    asked = parser.parse_args(arguments)
    try:
        warnings = build(Path.cwd(), asked.output)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        return complain("book", error)
    print(f"Book: {asked.output / 'index.html'} ({warnings} warnings)")
    return 1 if warnings else 0
