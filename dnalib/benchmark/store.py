"""The results on disk: one line of JSON a run, appended and never changed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from dnalib.files import lock_of


class ResultStore:
    """Runs on disk, one line of JSON each, appended and never changed.

    Any number of processes may append to one store, and each may be killed at any moment: every
    line is there whole and once.

    Parameters
    ----------
    path : path
        The file; made at the first result.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    def records(self) -> list[dict]:
        """Return all results, oldest first; a last line cut off by a kill is left out.

        What an epoch's history does not have is NaN, however the line writes it.

        Raises
        ------
        ValueError
            When another line is not JSON, or no result.
        """
        if not self.path.exists():
            return []
        records = []
        for number, line in enumerate(self.path.read_text("utf-8").splitlines(keepends=True), 1):
            try:
                records.append(_result_of(line))
            except ValueError as error:
                if line.endswith("\n"):
                    raise ValueError(
                        f"{self.path}, line {number} is {error}: expected one result a line; "
                        "mend or remove that line"
                    ) from None
        return records

    def keys(self) -> set[str]:
        """Return the keys of all results."""
        return {record["key"] for record in self.records()}

    def append(self, record: dict) -> bool:
        """Add one result, unless one with its key is there; it is on the disk at the return.

        Parameters
        ----------
        record : dict
            JSON data, its ``key`` among them; numbers that are not finite become null.

        Returns
        -------
        bool
            False when another writer was first: the store then stays as it is.
        """
        with lock_of(self.path):
            if record["key"] in self.keys():
                return False
            with open(self.path, "ab+") as file:
                self._mend_end(file)
                line = json.dumps(_without_nan(record), sort_keys=True, allow_nan=False)
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        return True

    @staticmethod
    def _mend_end(file) -> None:
        """End the last line, or cut it where a kill left only a part of it."""
        file.seek(0)
        content = file.read()
        start = content.rfind(b"\n") + 1
        if start == len(content):
            return
        try:
            json.loads(content[start:])
        except ValueError:
            file.truncate(start)
        else:
            file.write(b"\n")


def _without_nan(value: object) -> object:
    """Return JSON data as the standard has it, which knows finite numbers alone."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _result_of(line: str) -> dict:
    """Return the result that a line holds; a ValueError says what the line is instead."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        raise ValueError("not JSON") from None
    if not isinstance(record, dict) or "key" not in record:
        raise ValueError("no result, which has a key")
    return _with_nan(record)


def _with_nan(record: dict) -> dict:
    """Return a record whose history has NaN for null, as pandas and NumPy count with it."""
    if "history" not in record:
        return record
    history = {
        name: [math.nan if value is None else value for value in values]
        for name, values in record["history"].items()
    }
    return record | {"history": history}
