"""The book: all notebooks, pages and docstrings as one static site that is read offline.

`stage` lays out the sources, `mathml` renders formulas without a network, `build` calls Sphinx, and
`command` is what ``python -m dnalib book`` calls.
"""

from dnalib.book.build import build
from dnalib.book.command import main

__all__ = ["build", "main"]
