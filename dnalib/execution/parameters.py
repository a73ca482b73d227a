"""What each notebook is run with: its profile's values and the command line's, checked first.

papermill only warns about a name that the notebook does not declare and runs it with the default;
here a wrong name or a value of the wrong kind is an error before anything runs.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dnalib.execution.notebooks import Notebook, suggest
from dnalib.running.arguments import assignments

OUTPUT_DIR = "output_dir"
EVERY_NOTEBOOK = "all"
TIMEOUTS = {"cell_timeout": 1800, "notebook_timeout": 7200}  # seconds


class InvalidParameters(ValueError):
    """A parameter, or its value, is not one that a notebook takes."""


@dataclass(frozen=True)
class Profile:
    """One size at which the notebooks can be run.

    Attributes
    ----------
    name : str
    shared : dict
        Values for every notebook that declares the name.
    own : dict of dict
        Values for one notebook, by its name.
    cell_timeout, notebook_timeout : float
        Seconds after which a cell, or a whole notebook, is given up.
    """

    name: str
    shared: dict[str, object]
    own: dict[str, dict[str, object]]
    cell_timeout: float
    notebook_timeout: float

    def values(self, notebook: Notebook) -> dict[str, object]:
        """Return this profile's values for `notebook`."""
        shared = {n: v for n, v in self.shared.items() if n in notebook.parameters}
        return shared | self.own.get(notebook.name, {})


def load_profile(path: Path, name: str, notebooks: Sequence[Notebook]) -> Profile:
    """Read profile `name` from a ``profiles.toml`` and check it against all `notebooks`.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When the file is not TOML, has no such profile, names a notebook or a parameter that does
        not exist, or gives a time that is none.
    """
    tables = _read_toml(path)
    if name not in tables:
        raise ValueError(f"There is no profile {name!r} in {path.name}; {suggest(name, tables)}.")
    if not isinstance(tables[name], dict):
        raise ValueError(f"{path.name} sets {name} = {tables[name]!r}; expected a table, [{name}].")
    table = dict(tables[name])
    timeouts = {key: table.pop(key, default) for key, default in TIMEOUTS.items()}
    for key, value in timeouts.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise ValueError(
                f"{path.name} sets {key} = {value!r} in [{name}]; expected seconds, a number "
                "above 0."
            )
    shared = table.pop(EVERY_NOTEBOOK, {})
    if not isinstance(shared, dict):
        raise ValueError(
            f"{path.name} sets {EVERY_NOTEBOOK} = {shared!r} in [{name}]; expected a table, "
            f"[{name}.{EVERY_NOTEBOOK}]."
        )
    profile = Profile(name, shared, table, **timeouts)
    _check_profile(profile, notebooks, path.name)
    return profile


def _read_toml(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}; expected the profiles' parameters there.")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}.") from None


def _check_profile(profile: Profile, notebooks: Sequence[Notebook], file: str) -> None:
    declared = sorted({name for notebook in notebooks for name in notebook.parameters})
    for name in profile.shared:
        if name not in declared:
            raise ValueError(
                f"{file} sets {name!r} in [{profile.name}.all], and no notebook declares it; "
                f"{suggest(name, declared)}."
            )
    by_name = {notebook.name: notebook for notebook in notebooks}
    for name, values in profile.own.items():
        if not isinstance(values, dict) or name not in by_name:
            known = [EVERY_NOTEBOOK, *TIMEOUTS, *by_name]
            raise ValueError(
                f"{file} has {name!r} in [{profile.name}], which is no notebook; "
                f"{suggest(name, known)}."
            )
    for notebook in notebooks:
        check(profile.values(notebook), notebook)


def parse_overrides(texts: Sequence[str]) -> dict[str, object]:
    """Read the ``NAME=VALUE`` strings of ``-p`` (see `dnalib.running.arguments.assignments`).

    Raises
    ------
    InvalidParameters
        When a text has no ``=`` or no name before it.
    """
    try:
        return assignments(texts, "-p")
    except ValueError as error:
        raise InvalidParameters(str(error)) from None


def check(values: dict[str, object], notebook: Notebook) -> None:
    """Check that `notebook` declares every name, and that each value is of its default's kind.

    Raises
    ------
    InvalidParameters
        When it does not.
    """
    if OUTPUT_DIR not in notebook.parameters:
        raise InvalidParameters(
            f"{notebook.name} declares no {OUTPUT_DIR!r} in a cell tagged 'parameters'; "
            "without it the notebook's results could not be found."
        )
    for name, value in values.items():
        if name == OUTPUT_DIR:
            raise InvalidParameters(
                f"{OUTPUT_DIR!r} is set for each notebook; use --output instead."
            )
        if name not in notebook.parameters:
            own = [n for n in notebook.parameters if n != OUTPUT_DIR]
            raise InvalidParameters(
                f"{notebook.name} has no parameter {name!r}; {suggest(name, own)}."
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidParameters(
                f"{notebook.name} was given {name}={value}; expected a finite number."
            )
        default = notebook.parameters[name]
        if None not in (value, default) and _kind(value) != _kind(default):
            raise InvalidParameters(
                f"{notebook.name} was given {name}={value!r}, {_kind(value)}; expected "
                f"{_kind(default)} like its default {default!r}."
            )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"
