"""Keeps what the quick profile measured, and shows its times in README."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from dnalib.execution.manifest import MANIFEST, Manifest
from dnalib.files import atomic_path

FROM_MANIFEST = ("seconds", "cpu_seconds", "threads", "hardware", "revision")
"""The versions of packages are those of requirements.txt at that revision."""


def keep_readings(output: Path, names: list[str], path: Path) -> dict[str, dict]:
    """Write each notebook's cost, surroundings and metrics to one JSON file, and return them.

    Parameters
    ----------
    output : pathlib.Path
        Folder of results of a run in which all the notebooks were done.
    names : list of str
        The notebooks.
    path : pathlib.Path
        The file to write.
    """
    manifest = Manifest(output / MANIFEST)
    readings = {}
    for name in names:
        entry = manifest.entry(name)
        metrics = json.loads((output / name / "metrics.json").read_text("utf-8"))
        readings[name] = {key: entry[key] for key in FROM_MANIFEST} | {"metrics": metrics}
    path.parent.mkdir(exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(readings, indent=1, sort_keys=True) + "\n", "utf-8")
    return readings


def check_rows(names: Iterable[str], document: Path) -> None:
    """Check that a Markdown document has one row of each notebook that ends in its seconds.

    Raises
    ------
    ValueError
        When it has not.
    """
    text = document.read_text("utf-8")
    for name in names:
        rows = len(_row(name).findall(text))
        if rows != 1:
            raise ValueError(
                f"{document} has {rows} rows of {name} that end in '| 0 s |': expected one; mend it"
            )


def _row(name: str) -> re.Pattern:
    return re.compile(rf"(\(notebooks/{re.escape(name)}\.ipynb\).*\| )\d+( s \|)$", re.MULTILINE)


def show_times(readings: dict[str, dict], document: Path) -> None:
    """Put each notebook's seconds into the last column of its row in a Markdown table.

    Raises
    ------
    ValueError
        As `check_rows`.
    """
    check_rows(readings, document)
    text = document.read_text("utf-8")
    for name, reading in readings.items():
        text = _row(name).sub(rf"\g<1>{reading['seconds']:.0f}\2", text)
    with atomic_path(document) as temporary:
        temporary.write_text(text, "utf-8")
