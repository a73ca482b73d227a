"""The commands: ``python -m dnalib check``, ``benchmark``, ``study``, ``refresh``, ``book``, …"""

import importlib
import sys
from collections.abc import Sequence

MODULES = {
    "benchmark": "dnalib.benchmark",
    "study": "dnalib.studies",
    "reproduce": "dnalib.reproduce",
    "refresh": "dnalib.execution.refresh",
    "book": "dnalib.book",
    "slides": "dnalib.execution.slides",
    "students": "dnalib.execution.students",
}
"""Where each command's ``main`` is."""
COMMANDS = ("check", *MODULES)


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; return the exit code (2 for an unknown one)."""
    command, *rest = arguments or [""]
    # Imported when asked for: the check must answer where torch, say, cannot be imported.
    if command == "check" and not rest:
        from dnalib.check import check

        return check()
    if command in MODULES:
        return importlib.import_module(MODULES[command]).main(rest)
    given = " ".join(arguments)
    what = f"Unknown command {given!r}" if given else "No command given"
    print(f"{what}; use: python -m dnalib {' | '.join(COMMANDS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
