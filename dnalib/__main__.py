"""``python -m dnalib check``."""

import sys
from collections.abc import Sequence

from dnalib.check import check

COMMANDS = {"check": check}


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; return the exit code (2 for an unknown one)."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        given = " ".join(arguments)
        what = f"Unknown command {given!r}" if given else "No command given"
        print(f"{what}; use: python -m dnalib {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return COMMANDS[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
