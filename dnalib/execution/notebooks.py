"""The notebooks on disk: which there are, what they are called, what parameters they declare."""

import ast
import difflib
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notebook:
    """One notebook as it stands on disk.

    Attributes
    ----------
    path : pathlib.Path
        The file, ``NN_slug.ipynb``.
    title : str
        The first heading of its first cell.
    parameters : dict
        Name and default of each parameter, in the order of its ``parameters`` cell.
    source_sha256 : str
        Digest of the cells' types and sources; outputs and metadata do not count.
    codes : tuple of str
        The sources of its code cells.
    """

    path: Path
    title: str
    parameters: dict[str, object]
    source_sha256: str
    codes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``NN_slug``."""
        return self.path.stem

    @property
    def number(self) -> str:
        """``NN``."""
        return self.name.partition("_")[0]

    @property
    def code_sha256(self) -> str:
        """Digest of the code cells' sources, which alone decide the outputs."""
        return _sha256(self.codes)

    @property
    def slug(self) -> str:
        """The name without its number."""
        return self.name.partition("_")[2]


def discover(folder: Path) -> list[Notebook]:
    """Read every ``NN_slug.ipynb`` in `folder`, in the order of their numbers.

    Raises
    ------
    FileNotFoundError
        When there is none.
    ValueError
        When one cannot be read (see `read`).
    """
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"There is no notebook in {folder}; expected files named like 03_slug.ipynb."
        )
    return [read(path) for path in paths]


def read(path: Path) -> Notebook:
    """Read one notebook.

    Raises
    ------
    ValueError
        When it is no notebook, has more than one ``parameters`` cell, or when that cell holds
        anything but ``name = literal`` lines.
    """
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        sources = [(cell["cell_type"], source_of(cell)) for cell in cells]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path.name} is not a Jupyter notebook (version 4).") from None
    codes = tuple(source for kind, source in sources if kind == "code")
    return Notebook(
        path, _title(sources, path), _parameters(tagged, path.name), _sha256(sources), codes
    )


def _sha256(sources: Sequence) -> str:
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def source_of(cell: dict) -> str:
    """Return a cell's source as one string (the file format allows a list of lines)."""
    return "".join(cell["source"])


def select(notebooks: Sequence[Notebook], wanted: Iterable[str]) -> list[Notebook]:
    """Pick notebooks by number (``3`` or ``03``), slug, or full name, in their own order.

    Raises
    ------
    ValueError
        When a name fits none of them.
    """
    chosen = set()
    for name in wanted:
        found = [n.name for n in notebooks if name in (n.slug, n.name, n.path.name)]
        found += [n.name for n in notebooks if name.isdecimal() and int(n.number) == int(name)]
        if not found:
            names = [n.name for n in notebooks]
            raise ValueError(f"There is no notebook {name!r}; {suggest(name, names)}.")
        chosen.update(found)
    return [notebook for notebook in notebooks if notebook.name in chosen]


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'b'? There are: a, b, c" (the question only where a name is close)."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    # A slug is a long way from its full name for difflib, and close for a person.
    close = close or [k for k in known if name and name in k]
    listed = "there are: " + ", ".join(known) if known else "there are none"
    return f"did you mean {close[0]!r}? T{listed[1:]}" if close else listed


def _title(sources: list[tuple[str, str]], path: Path) -> str:
    lines = sources[0][1].splitlines() if sources and sources[0][0] == "markdown" else []
    headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return headings[0] if headings else path.stem


def _parameters(tagged: list[dict], name: str) -> dict[str, object]:
    if len(tagged) > 1:
        raise ValueError(f"{name} has {len(tagged)} cells tagged 'parameters'; expected one.")
    return read_literals(source_of(tagged[0]), name) if tagged else {}


def read_literals(source: str, name: str) -> dict[str, object]:
    """Return the ``name = literal`` assignments of a ``parameters`` cell, without running it.

    Parameters
    ----------
    source : str
        The cell's source.
    name : str
        What the notebook is called, for the message.

    Raises
    ------
    ValueError
        When a line is anything else.
    """
    values = {}
    try:
        statements = ast.parse(source).body
        for statement in statements:
            values[_target(statement)] = ast.literal_eval(statement.value)
    except (SyntaxError, ValueError, AttributeError, TypeError):
        raise ValueError(
            f"The 'parameters' cell of {name} holds something other than name = literal lines; "
            "move everything else into the next cell."
        ) from None
    return values


def _target(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign):
        return statement.target.id
    raise ValueError("not an assignment of one name")
