"""Calls Sphinx."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import dnalib
from dnalib.book.stage import stage
from dnalib.files import swap_folder

STYLE = Path(__file__).with_name("book.css")
NEEDED = ("furo", "myst_nb", "sphinx")
MARKS = ("objects.inv", "searchindex.js")
"""Files of every book that Sphinx makes, by which an earlier one is known."""
SETTINGS = {
    "project": "dnalib",
    "version": dnalib.__version__,
    "extensions": [
        "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "dnalib.book.mathml",
    ],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_dmath_double_inline": True,
    "myst_heading_anchors": 3,
    "autodoc_member_order": "bysource",
    "autodoc_typehints": "none",
    "napoleon_google_docstring": False,
    "napoleon_use_rtype": False,
    "napoleon_use_param": False,
    "napoleon_use_ivar": True,
    "html_theme": "furo",
    "html_title": "dnalib",
    "html_math_renderer": "mathml",
    "html_css_files": [STYLE.name],
    "html_show_copyright": False,
    "html_show_sourcelink": False,
    # Two classes may have an attribute of one name: such a reference leads to the first. What an
    # estimator inherits from scikit-learn refers to scikit-learn's own pages.
    "suppress_warnings": ["ref.python", "ref.ref", "ref.term"],
    # Pages opened from disk may not fetch one another.
    "html_show_search_summary": False,
}  # fmt: skip


def build(root: Path, target: Path) -> int:
    """Build the book of the project at `root` into `target`, anew.

    Returns
    -------
    int
        Number of Sphinx's warnings: links that lead nowhere are among them.

    Raises
    ------
    ValueError
        When `target` holds something other than a book, which would be lost.
    ModuleNotFoundError
        When a package that only the book needs is not installed.
    FileNotFoundError
        When there is no such project at `root`.
    """
    _check(target)
    from sphinx.application import Sphinx  # imported late: it may be missing

    with TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        source.mkdir()
        stage(root, source)
        static = source / "_static"
        static.mkdir()
        shutil.copy(STYLE, static)
        settings = SETTINGS | {"html_static_path": ["_static"]}
        app = Sphinx(source, None, made, Path(scratch, "doctrees"), "html", settings, status=None)
        app.build()
        _put_in_place(made, target.resolve())
        return app._warncount


def _check(target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        if not all((target / mark).exists() for mark in MARKS):
            raise ValueError(
                f"{target} holds something other than a book: expected a new or an empty folder, "
                "or an earlier book; give another with --output"
            )
    missing = [name for name in NEEDED if not find_spec(name)]
    if missing:
        raise ModuleNotFoundError(
            f"{', '.join(missing)} not installed: expected what the book needs; run "
            "pip install -r requirements.txt"
        )


def _put_in_place(made: Path, target: Path) -> None:
    """Have `made` take the place of `target`, which is never half there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        new = shutil.copytree(made, Path(folder, "new"))
        swap_folder(new, target, Path(folder, "old"))
