"""The start of the child process: ``python -m dnalib.execution.child JOB.json``.

Watching the parent comes before everything else: importing papermill takes a second, in which the
runner may die.
"""

import sys

from dnalib.running.processes import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    # jsonschema would build a grammar for a kind of address that no notebook's schema has: 0.8 s.
    sys.modules["rfc3987_syntax"] = None

    from dnalib.execution import worker

    sys.exit(worker.main(sys.argv[1]))
