"""The commands: ``python -m dnalib check``, ``benchmark``, ``study``, ``refresh``, ``book``, …"""

import sys
from collections.abc import Sequence

COMMANDS = ("check", "benchmark", "study", "reproduce", "refresh", "book", "slides", "students")


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; return the exit code (2 for an unknown one)."""
    command, *rest = arguments or [""]
    # Imported when asked for: the check must answer where torch, say, cannot be imported.
    if command == "check" and not rest:
        from dnalib.check import check

        return check()
    if command == "benchmark":
        from dnalib.benchmark import main as benchmark

        return benchmark(rest)
    if command == "study":
        from dnalib.studies import main as study

        return study(rest)
    if command == "reproduce":
        from dnalib.reproduce import main as reproduce

        return reproduce(rest)
    if command == "refresh":
        from dnalib.execution.refresh import main as refresh

        return refresh(rest)
    if command == "book":
        from dnalib.book import main as book

        return book(rest)
    if command == "slides":
        from dnalib.execution.slides import main as slides

        return slides(rest)
    if command == "students":
        from dnalib.execution.students import main as students

        return students(rest)
    given = " ".join(arguments)
    what = f"Unknown command {given!r}" if given else "No command given"
    print(f"{what}; use: python -m dnalib {' | '.join(COMMANDS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
