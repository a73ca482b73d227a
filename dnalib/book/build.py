"""Calls Sphinx."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.application import Sphinx

import dnalib
from dnalib.book.stage import stage

STYLE = Path(__file__).with_name("book.css")
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
    """
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
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
        return app._warncount
