"""The start of the process that runs one notebook."""

import sys


def main(job_file: str) -> int:
    """Run the job described in `job_file`; return 0 when no error was seen."""
    # jsonschema would build a grammar for a kind of address that no notebook's schema has: 0.8 s.
    sys.modules["rfc3987_syntax"] = None

    from dnalib.execution import worker  # papermill, which takes a second to import

    return worker.main(job_file)
