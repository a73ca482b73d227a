"""The start of the child process: ``python -m dnalib.execution.child JOB.json``.

Watching the parent comes before everything else: importing papermill takes a second, in which the
runner may die.
"""

import sys

from dnalib.execution.processes import die_with_parent

if __name__ == "__main__":
    die_with_parent()

    from dnalib.execution import worker

    sys.exit(worker.main(sys.argv[1]))
