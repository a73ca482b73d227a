"""Which files a notebook reads its data from, as far as its parameters tell."""

import os
import re
from pathlib import Path

from dnalib.execution.parameters import OUTPUT_DIR
from dnalib.files import cache_dir, sha256

KEPT_BY_RUNNERS = ("quick.json", "failed")
"""What `refresh` and the grid themselves put into a folder of results, and no notebook reads."""

WRITTEN = (OUTPUT_DIR, "output")
"""Parameters that name what a notebook writes."""

LARGE = 64 * 2**20  # bytes; a larger file is known by its size and time of change


def stamps(parameters: dict[str, object], folder: Path) -> dict[str, str]:
    """Return a stamp of each input file: its SHA-256, or size and time when above 64 MiB.

    Input files are those of the published datasets that are named by the parameters ``dataset``,
    ``text_dataset`` and the like, under ``$DNALIB_DATA`` or in the cache, and every file, or folder
    of files, whose path is the value of a parameter, but for `WRITTEN`. Hidden files, and
    `KEPT_BY_RUNNERS`, do not count. What a notebook opens beyond these is not known here.

    Parameters
    ----------
    parameters : dict
        All of the notebook's values, its defaults included.
    folder : pathlib.Path
        Where the notebook runs, so where its relative paths start.

    Returns
    -------
    dict
        Name to stamp. A dataset's file has the same name wherever it is kept.
    """
    files = {}
    for name, value in parameters.items():
        if name.endswith("dataset"):
            files |= _dataset_files(value)
        if name not in WRITTEN and isinstance(value, str):
            files |= _named_files(value, folder)
    return {name: _stamp(path) for name, path in sorted(files.items())}


def _dataset_files(dataset: object) -> dict[str, Path]:
    """Return the dataset's files by their place under the data folder, the user's own first."""
    files = {}
    for root in filter(None, [cache_dir() / "data", os.environ.get("DNALIB_DATA")]):
        root = Path(root).expanduser()
        for folder in root.iterdir() if root.is_dir() else ():
            if _belongs(folder.name, dataset):
                files |= {p.relative_to(root).as_posix(): p for p in _files_under(folder)}
    return files


def _belongs(folder: str, dataset: object) -> bool:
    # "wos-test" is made of a file of "wos", "mnist" of those of "mnist_t10k".
    return isinstance(dataset, str) and re.split("[-_]", dataset)[0] == re.split("[-_]", folder)[0]


def _named_files(value: str, folder: Path) -> dict[str, Path]:
    try:
        path = folder / value
        if value and path.is_file():
            return {value: path}
        # A plain word is rather a name than a folder, and what holds the notebook holds no data.
        if "/" in value and path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
            return {f"{value}/{p.relative_to(path).as_posix()}": p for p in _files_under(path)}
    except (OSError, ValueError):  # too long for a path, or no path at all
        pass
    return {}


def _files_under(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not _is_left_out(path.relative_to(folder).parts)
    ]


def _is_left_out(parts: tuple[str, ...]) -> bool:
    return parts[0] in KEPT_BY_RUNNERS or any(part.startswith(".") for part in parts)


def _stamp(path: Path) -> str:
    status = path.stat()
    if status.st_size > LARGE:
        return f"{status.st_size} bytes, changed {status.st_mtime_ns}"
    return sha256(path)
