"""The start of a child process: ``python -m dnalib.running.child MODULE ARGUMENT``.

Calls ``MODULE.main(ARGUMENT)`` and exits with what it returns. Watching the parent comes before
everything else: importing the module takes seconds, in which the parent may die.
"""

import importlib
import sys

from dnalib.running.processes import die_with_parent, leave_nothing_behind

if __name__ == "__main__":
    die_with_parent()
    leave_nothing_behind()
    _, module, argument = sys.argv
    sys.exit(importlib.import_module(module).main(argument))
