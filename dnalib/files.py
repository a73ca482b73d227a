"""Where files are kept, and how they are written and checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from filelock import FileLock


def cache_dir() -> Path:
    """Return the folder in which dnalib keeps what can be made again; it may not exist yet.

    Returns
    -------
    pathlib.Path
        ``$DNALIB_CACHE`` when it is set, else the user's cache folder for ``dnalib``.
    """
    folder = os.environ.get("DNALIB_CACHE")
    if not folder:
        import platformdirs  # not above: the check needs this module to say that it is missing

        folder = platformdirs.user_cache_dir("dnalib")
    return Path(folder).expanduser()


@contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path that becomes `target` when the block ends without an error.

    Readers see the old file or the whole new one, never a half-written one. After an error the
    temporary file is gone and `target` is as it was.

    Parameters
    ----------
    target : path
        Where the finished file goes. Its folder is made if needed.

    Yields
    ------
    pathlib.Path
        A name that no other process uses, beside `target` and with its suffix.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "note.txt") as path:
    ...         _ = path.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['note.txt']
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A private folder (not a private name) lets writers that insist on creating the file do so.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        path = Path(folder) / target.name
        yield path
        os.replace(path, target)


def swap_folder(made: Path, folder: Path, old: Path) -> None:
    """Put what was made where the folder is, which moves to `old`, or back where that fails."""
    try:
        if folder.exists():
            os.replace(folder, old)
        os.replace(made, folder)
    except BaseException:  # also Ctrl-C: what is left in `old` may be deleted
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def lock_of(path: Path) -> FileLock:
    """Return the lock to hold while a file is read and written anew; its folder is made.

    It is a file beside it, named like it with a dot before and ``.lock`` behind.
    """
    from filelock import FileLock  # not above: see `cache_dir`

    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits.

    Parameters
    ----------
    path : path
        The file to read.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
