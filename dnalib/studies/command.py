"""The command line of ``python -m dnalib study``."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from dnalib.running.arguments import Parser
from dnalib.studies.study import Study

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
        0 when the table is complete, 2 when the command line was refused.
    """
    parser = Parser(
        prog="study",
        usage="python -m dnalib study NAME [options]",
        description="Measure what a study's table in results/ lacks, row by row.",
        allow_abbrev=False,
    )
    parser.add_argument("name", choices=STUDIES)
    name = parser.parse_known_args(arguments)[0].name
    study = load_study(name)
    add = parser.add_argument
    add("--datasets", nargs="+", choices=study.datasets, default=study.datasets)
    add("--methods", nargs="+", choices=study.methods, default=study.methods)
    add("--seeds", nargs="+", type=int, default=study.seeds)
    add(
        "--results",
        type=Path,
        default=study.path,
        help=f"default: results/{study.file}",
    )
    asked = parser.parse_args(arguments)
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
