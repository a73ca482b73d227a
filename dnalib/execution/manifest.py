"""What was run, with what, and how it ended: ``manifest.json`` in the results folder."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path

from dnalib.files import atomic_path, sha256

MANIFEST = "manifest.json"
DONE = "done"
RUNNING = "running"
REASONS_SHOWN = 3


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

    def why_rerun(self, name: str, ingredients: dict[str, object]) -> str:
        """Say why `name` is not done with exactly these ingredients; nothing when it is.

        Parameters
        ----------
        name : str
            The notebook.
        ingredients : dict
            All that its results depend on (see `ingredients.of`).

        Returns
        -------
        str
            Such as ``"parameter epochs 8 -> 4; dnalib.neighbors changed"``.
        """
        entry = self.entry(name)
        if entry is None:
            return "never run"
        outcome = entry.get("outcome")
        if outcome != DONE:
            return "last run did not end" if outcome == RUNNING else f"last run: {outcome}"
        reasons = [*changes(entry, ingredients), *self._harm(entry.get("artifacts"))]
        more = len(reasons) - REASONS_SHOWN
        return "; ".join(reasons[:REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else "")

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of those of `names` (relative to the manifest) that are files."""
        paths = {name: self.path.parent / name for name in names}
        return {name: sha256(path) for name, path in paths.items() if path.is_file()}

    def _harm(self, artifacts: object) -> list[str]:
        """Return what has become of the files that a notebook made."""
        if not artifacts or not isinstance(artifacts, dict):
            return ["artifact missing: the manifest names none"]
        found = self.digests(artifacts)
        missing = [f"artifact missing: {name}" for name in artifacts if name not in found]
        return missing + [f"artifact changed: {n}" for n in found if found[n] != artifacts[n]]

    def _read(self) -> dict[str, dict]:
        if not self.path.exists():
            return {}
        try:
            entries = json.loads(self.path.read_text("utf-8"))["notebooks"]
            return {name: _checked(entry) for name, entry in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.warning = f"{self.path} cannot be read and is taken as empty: everything reruns."
            return {}


def _checked(entry: dict) -> dict:
    """Return `entry` when what is shown of it is of the right kind; raise TypeError otherwise."""
    kinds = {"outcome": str, "detail": str, "seconds": int | float}
    for name, kind in kinds.items():
        if name in entry and not isinstance(entry[name], kind):
            raise TypeError(f"{name} is no {kind}")
    return entry if "outcome" in entry else entry | {"outcome": "not recorded"}


def changes(entry: dict, now: dict[str, object]) -> list[str]:
    """Return a phrase for every ingredient that is not as it was.

    Parameters
    ----------
    entry, now : dict
        As `ingredients.of` returns them; what is missing in `entry` counts as changed.
    """

    def changed(kind: str) -> list[tuple[str, object, object]]:
        before = entry.get(kind)
        before = before if isinstance(before, dict) else {}
        names = sorted(before.keys() | now[kind].keys())
        pairs = [(name, before.get(name), now[kind].get(name)) for name in names]
        return [(name, old, new) for name, old, new in pairs if _written(old) != _written(new)]

    source = ["source changed"] if entry.get("source_sha256") != now["source_sha256"] else []
    return [
        *source,
        *(f"parameter {n} {_shown(old)} -> {_shown(new)}" for n, old, new in changed("values")),
        *(f"{name} changed" for name, _, _ in changed("modules")),
        *(f"data {name} changed" for name, _, _ in changed("data")),
        *(f"package {n} {_shown(old)} -> {_shown(new)}" for n, old, new in changed("versions")),
    ]


def _written(value: object) -> str:
    """Return JSON that tells values apart, 1 from True and from "1", whatever a table's order."""
    return json.dumps(value, sort_keys=True)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)  # True is not 1 here
