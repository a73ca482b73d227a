"""Execute the notebooks headlessly: ``python run_all.py --help`` says how."""

import sys
from pathlib import Path

from dnalib.execution.command import main

if __name__ == "__main__":
    sys.exit(main(root=Path(__file__).resolve().parent))
