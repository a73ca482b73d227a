"""What was run, with what, and how it ended: ``manifest.json`` in the results folder."""

import hashlib
import json
import threading
from pathlib import Path

from dnalib.files import atomic_path, sha256

DONE = "done"


class Manifest:
    """One entry a notebook; every change is written at once, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file. One that cannot be read counts as empty, and `warning` says so.

    Attributes
    ----------
    warning : str or None
        One sentence, when there was a file that could not be read.
    """

    def __init__(self, path: Path):
        self.path = path
        self.warning = None
        self._lock = threading.Lock()
        self._entries = self._read()

    def entry(self, name: str) -> dict | None:
        """Return the entry of notebook `name`, or None."""
        return self._entries.get(name)

    def record(self, name: str, entry: dict) -> None:
        """Replace the entry of notebook `name`, and write the file."""
        with self._lock:
            self._entries[name] = entry
            text = json.dumps({"notebooks": self._entries}, indent=1, sort_keys=True)
            with atomic_path(self.path) as path:
                path.write_text(text + "\n", "utf-8")

    def is_up_to_date(self, name: str, key: str) -> bool:
        """Say whether `name` is done with exactly this key, and all it made is still there."""
        entry = self.entry(name)
        if entry is None or entry.get("outcome") != DONE or entry.get("key") != key:
            return False
        artifacts = entry.get("artifacts")
        return bool(artifacts) and artifacts == self.digests(artifacts)

    def digests(self, names) -> dict[str, str]:
        """Return the SHA-256 of those of `names` (relative to the manifest) that are files."""
        paths = {name: self.path.parent / name for name in names}
        return {name: sha256(path) for name, path in paths.items() if path.is_file()}

    def _read(self) -> dict[str, dict]:
        if not self.path.exists():
            return {}
        try:
            entries = json.loads(self.path.read_text("utf-8"))["notebooks"]
            return {name: dict(entry) for name, entry in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            self.warning = f"{self.path} cannot be read and is taken as empty: everything reruns."
            return {}


def key_of(**ingredients) -> str:
    """Return one digest over everything that a result depends on (JSON data, by name)."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()
