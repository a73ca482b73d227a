"""Which modules of dnalib a notebook uses, found by reading the code and never by running it."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import dnalib
from dnalib.execution.notebooks import Notebook
from dnalib.files import sha256

PACKAGE = "dnalib"
# These make the executed notebook and its page: their results depend on them too.
ALWAYS = (f"{PACKAGE}.execution.worker", f"{PACKAGE}.execution.html")
RESULTS = "results"
"""Folder beside the library's with what was measured."""
QUOTED = re.compile(r'(?=["/]([^"/\n]+)")')
"""What stands in quotes, or in them behind the last slash; ahead, for such may overlap."""
SAME_PROGRAM = re.compile(r"%%(time|timeit|capture|prun)\b")
"""Magics that run their cell as Python in the notebook's own kernel."""


def used(notebook: Notebook, folder: Path | None = None) -> dict[str, str]:
    """Return the digest of every dnalib module that `notebook` uses, however indirectly.

    An import counts wherever it stands, in a function too, and so does a file that is named in
    quotes: by a module's code one beside it, such as a template, and by a module's or the
    notebook's one in `RESULTS`, such as a study's table. Where a code cell cannot be parsed, every
    module counts.

    Parameters
    ----------
    notebook : Notebook
    folder : pathlib.Path, optional
        The library's folder; that of the dnalib imported here when not given.

    Returns
    -------
    dict
        Name of a module, or of a file after that of its module or folder, to SHA-256; sorted.
    """
    folder = folder or Path(dnalib.__file__).parent
    files = module_files(folder)
    waiting = [name for name in ALWAYS if name in files]
    try:
        for source in notebook.codes:
            waiting += _known(_names(ast.parse(_without_magics(source)), ""), files)
    except (SyntaxError, ValueError):
        waiting = list(files)
    found = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            path = files[name]
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting += _known(_names_in(path, package, _stamp(path)), files)
    paths = {name: files[name] for name in found}
    for name in found:
        paths |= {f"{name}: {path.name}": path for path in _named_beside(files[name])}
    named = {name for source in notebook.codes for name in QUOTED.findall(source)}
    named = named.union(*(_quoted_in(files[name], _stamp(files[name])) for name in found))
    for path in _files_of(folder.parent / RESULTS):
        if path.name in named:
            paths[f"{RESULTS}: {path.name}"] = path
    return {name: _digest(path, _stamp(path)) for name, path in sorted(paths.items())}


def module_files(folder: Path) -> dict[str, Path]:
    """Return the file of each module of the package in `folder`, by dotted name."""
    files = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        files[".".join([PACKAGE, *parts])] = path
    return files


def _without_magics(source: str) -> str:
    """Blank IPython's own lines: keep the indentation, so that a block keeps its body."""
    if SAME_PROGRAM.match(source):
        return _without_magics(source.partition("\n")[2])
    if source.startswith("%%"):
        return ""
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.M)


def _known(names: Iterable[str], files: dict[str, Path]) -> list[str]:
    """Return the modules of dnalib that importing `names` runs: the packages above them too."""
    found = []
    for name in names:
        parts = name.split(".")
        found += [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return [name for name in found if name in files]


@functools.cache
def _names_in(path: Path, package: str, stamp: tuple[int, int]) -> frozenset[str]:
    try:
        return frozenset(_names(ast.parse(path.read_text("utf-8")), package))
    except (SyntaxError, ValueError):  # whoever imports it is told, and its digest counts
        return frozenset()


@functools.cache
def _quoted_in(path: Path, stamp: tuple[int, int]) -> frozenset[str]:
    return frozenset(QUOTED.findall(path.read_text("utf-8", "replace")))


def _files_of(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _named_beside(path: Path) -> list[Path]:
    others = [p for p in _files_of(path.parent) if p.suffix not in (".py", ".pyc")]
    code = path.read_text("utf-8", errors="replace") if others else ""
    return [other for other in others if f'"{other.name}"' in code]


def _names(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield all dotted names imported; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
            yield base


def _base(node: ast.ImportFrom, package: str) -> str:
    """Return what ``from ... import`` names, relative imports resolved."""
    parents = package.split(".")[: 1 - node.level or None] if node.level else []
    return ".".join([*parents, *filter(None, [node.module])])


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.cache
def _digest(path: Path, stamp: tuple[int, int]) -> str:
    return sha256(path)
