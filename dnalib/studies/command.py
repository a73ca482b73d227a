"""The command line of ``python -m dnalib study``."""

from __future__ import annotations

import argparse
import importlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dnalib.running.arguments import (
    FAILED,
    Parser,
    complain,
    exit_code_of_measuring,
    seed_number,
)
from dnalib.studies.study import Study

PROGRAM = "study"

STUDIES = (
    "instances",
    "novel-classes",
    "metric-learning",
    "salient",
    "own-data",
    "n-fine",
)
"""Modules of this package with a ``STUDY``, hyphens for underscores."""


def main(arguments: Sequence[str]) -> int:
    """Measure what the named study's table lacks; return the exit code.

    Returns
    -------
    int
        0 when the table is complete, 2 when it was refused or a dataset is not to be had, 8 when a
        file could not be written, 1 when a notebook that measures failed, 130 or 143 after Ctrl-C
        or SIGTERM.
    """
    asked = _parse(arguments)
    try:
        return exit_code_of_measuring(PROGRAM, lambda: _run(asked))
    except subprocess.CalledProcessError as error:
        return complain(
            PROGRAM, f"{error.cmd[-1]} ended with {error.returncode}: look there", FAILED
        )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog=PROGRAM,
        usage="python -m dnalib study NAME [options]",
        description="Measure what a study's table in results/ lacks, row by row.",
    )
    add = parser.add_argument
    add("name", choices=STUDIES)
    named = next((name for name in arguments if name in STUDIES), None)
    if named is None:
        parser.parse_args(arguments)  # says what is wrong, or helps
    study = load_study(named)
    add("--datasets", nargs="+", choices=study.datasets, default=study.datasets)
    add("--methods", nargs="+", choices=study.methods, default=study.methods)
    add("--seeds", nargs="+", type=seed_number, default=study.seeds)
    add(
        "--results",
        type=Path,
        default=study.path,
        help=f"default: results/{study.file}",
    )
    return parser.parse_args(arguments)


def _run(asked: argparse.Namespace) -> int:
    study = load_study(asked.name)
    for row in study.run(asked.datasets, asked.methods, asked.seeds, asked.results):
        scores = "  ".join(f"{s} {row[s]:.1f}" for s in study.main if s in row)
        print(
            f"{row['dataset']}, {row['method']}, seed {row['seed']}: {scores}",
            flush=True,
        )
    print(f"{asked.results} holds all that was asked for")
    return 0


def load_study(name: str) -> Study:
    """Return the study of that name; only its own module is imported."""
    return importlib.import_module(f"dnalib.studies.{name.replace('-', '_')}").STUDY
