"""The options of ``run_all.py``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dnalib.execution.outcomes import REFUSED


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {one_line(message)}; --help lists the options.", file=sys.stderr)
        sys.exit(REFUSED)


def one_line(text: str) -> str:
    """Return `text` on one line, and what is no text in it (bytes of a file name) escaped."""
    return " ".join(text.splitlines()).encode(errors="backslashreplace").decode()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; exit with 2 and one sentence when they are wrong."""
    parser = _Parser(
        prog="run_all.py",
        description="Execute the notebooks, each in a process of its own; skip what is up to date.",
        epilog="Every outcome and exit code is in docs/when-something-goes-wrong.md.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--profile", default="quick", help="size, from notebooks/profiles.toml (default: quick)")
    add("--only", nargs="+", metavar="NB", default=(), help="numbers or slugs, such as 03 05")
    add("--jobs", type=_count, default=1, metavar="N", help="notebooks at a time (default: 1)")
    add(
        "-p",
        action="append",
        default=[],
        dest="parameters",
        metavar="NAME=VALUE",
        help="set a parameter of every notebook run; may be given several times",
    )
    add("--output", type=_folder, metavar="DIR", help="results folder (default: outputs/PROFILE)")
    add("--force", action="store_true", help="run again even what is up to date")
    add("--cell-timeout", type=_seconds, metavar="S", help="give a cell up after S seconds")
    add("--notebook-timeout", type=_seconds, metavar="S", help="give a notebook up after S seconds")
    instead = parser.add_mutually_exclusive_group()
    add = instead.add_argument
    add("--list", action="store_true", help="list the notebooks with their parameters, run none")
    add("--dry-run", action="store_true", help="say what would be run and why, run none")
    add(
        "--verify",
        action="store_true",
        help="run again, elsewhere, what is done, and compare its metrics with the stored ones",
    )
    options = parser.parse_args(arguments)
    if options.verify and options.parameters:
        parser.error("--verify runs with the recorded parameters; leave -p out")
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 4 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a whole number, 1 to 9999")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number of seconds above 0")
    return seconds


def _folder(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected the name of a folder")
    return Path(text)
