"""Lays out the sources of the book in one folder: pages, notebooks, results, module pages."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
from pathlib import Path

import dnalib
from dnalib.execution.notebooks import Notebook, discover

PAGES = (
    "map-of-ideas",
    "glossary",
    "lesson-plans",
    "my-numbers-differ",
    "paper-settings",
    "write-your-own-method",
    "many-processes",
    "when-something-goes-wrong",
)
"""Pages of ``docs/`` in the order of the contents."""

SECTION_OF_RESULTS = "What was measured"
LEFT_OUT = ("dnalib.book", "dnalib.execution.worker", "dnalib.execution.child", "dnalib.__main__")
"""Modules without a page: programs, and what makes the pages."""


def stage(root: Path, folder: Path) -> None:
    """Fill `folder` with the sources of the book.

    Parameters
    ----------
    root : pathlib.Path
        The project's folder.
    folder : pathlib.Path
        An empty folder.
    """
    notebooks = discover(root / "notebooks")
    for notebook in notebooks:
        shutil.copy(notebook.path, folder)
    (folder / "solutions").mkdir()
    solved = sorted((root / "notebooks" / "solutions").glob("*.ipynb"))
    for path in solved:
        shutil.copy(path, folder / "solutions")
    solutions = [f"solutions/{path.stem}" for path in solved]
    pages = [name for name in PAGES if (root / "docs" / f"{name}.md").exists()]
    for name in pages:
        text = (root / "docs" / f"{name}.md").read_text("utf-8")
        (folder / f"{name}.md").write_text(_relink(text), "utf-8")
    shutil.copy(root / "docs" / "before_after.png", folder)
    readme = (root / "README.md").read_text("utf-8")
    (folder / "results.md").write_text(_relink(_results(readme)), "utf-8")
    (folder / "index.md").write_text(_index(readme, notebooks, pages, solutions), "utf-8")
    _stage_modules(folder / "api")


def _relink(text: str) -> str:
    """Point links at where things lie in the book: everything but the modules is in one folder."""
    return re.sub(r"\]\((?:\.\./)?(?:docs|notebooks)/", "](", re.sub(r"\]\(\.\./", "](", text))


def _results(readme: str) -> str:
    section = re.search(rf"^## {SECTION_OF_RESULTS}$(.*?)(?=^## )", readme, re.M | re.S)[1]
    return f"# {SECTION_OF_RESULTS}\n{section}"


def _index(readme: str, notebooks: list[Notebook], pages: list[str], solutions: list[str]) -> str:
    opening = _relink(readme.partition("\n## ")[0])
    return "\n\n".join(
        [
            opening,
            _contents("Notebooks", [notebook.name for notebook in notebooks]),
            _contents("Reading", [*pages, "results"]),
            _contents("Solutions", solutions),
            _contents("Reference", ["api/index"]),
        ]
    )


def _contents(caption: str, names: list[str]) -> str:
    listed = "\n".join(names)
    return f"```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n{listed}\n```"


def _stage_modules(folder: Path) -> None:
    folder.mkdir()
    names = modules()
    for name in names:
        title = f"{name}\n{'=' * len(name)}"
        page = f"{title}\n\n.. automodule:: {name}\n   :members:\n"
        (folder / f"{name}.rst").write_text(page, "utf-8")
    listed = "\n".join(f"   {name}" for name in names)
    index = f"Modules\n=======\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    (folder / "index.rst").write_text(index, "utf-8")


def modules() -> list[str]:
    """Return the names of all modules that have something public of their own."""
    found = pkgutil.walk_packages(dnalib.__path__, "dnalib.")
    names = [module.name for module in found if not module.name.startswith(LEFT_OUT)]
    return sorted(name for name in names if _has_own(name))


def _has_own(name: str) -> bool:
    module = importlib.import_module(name)
    public = [value for key, value in vars(module).items() if not key.startswith("_")]
    return any(getattr(value, "__module__", None) == name for value in public)
