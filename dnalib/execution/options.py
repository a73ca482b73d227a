"""The options of ``run_all.py``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dnalib.running.arguments import Parser, add_running_options, positive


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; exit with 2 and one sentence when they are wrong."""
    parser = Parser(
        prog="run_all.py",
        description="Execute the notebooks, each in a process of its own; skip what is up to date.",
        epilog="Every outcome and exit code is in docs/when-something-goes-wrong.md.",
    )
    add = parser.add_argument
    add("--profile", default="quick", help="size, from notebooks/profiles.toml (default: quick)")
    add("--only", nargs="+", metavar="NB", default=(), help="numbers or slugs, such as 03 05")
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
    add_running_options(add, "notebooks")
    add("--cell-timeout", type=positive, metavar="S", help="give a cell up after S (whole) seconds")
    add("--notebook-timeout", type=positive, metavar="S", help="give a notebook up after S seconds")
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
    parser.check_executor(options)
    if options.verify and options.parameters:
        parser.error("--verify runs with the recorded parameters; leave -p out")
    return options


def _folder(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected the name of a folder")
    return Path(text)
