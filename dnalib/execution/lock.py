"""One runner at a time in a results folder."""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_FILE = ".lock"
HOLDER_FILE = ".lock.json"


class Locked(Exception):
    """Another runner is at work in the results folder."""


@contextmanager
def only_runner(output: Path) -> Iterator[None]:
    """Hold the results folder `output` while the block runs.

    The system lets go of the lock when this process ends, however it ends.

    Raises
    ------
    Locked
        When another runner holds it; the sentence says which.
    OSError
        When the folder cannot be written.
    """
    lock = FileLock(output / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Locked(
            f"{output} is in use by {_holder(output)}; wait for it, stop it, or give another "
            "folder with --output."
        ) from None
    holder = output / HOLDER_FILE
    try:
        holder.write_text(json.dumps(_myself()), "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _myself() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
        "command": " ".join(sys.argv),
    }


def _holder(output: Path) -> str:
    """Return who holds the folder, as far as that can be read."""
    try:
        holder = json.loads((output / HOLDER_FILE).read_text("utf-8"))
        return "process {pid} on {host}, since {since}".format(**holder)
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
