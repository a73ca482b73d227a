"""What a notebook leaves behind: figures, tables and the numbers that the tests read back."""

import json
import math
import os
import re
from pathlib import Path

from dnalib.files import atomic_path

METRICS_FILE = "metrics.json"


class Outputs:
    """A results folder that is made when needed and never holds a half-written file.

    Parameters
    ----------
    folder : path
        Where everything goes. Notebooks pass their ``output_dir`` parameter.

    Raises
    ------
    ValueError
        When `folder` is the name of a file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     outputs = Outputs(folder)
    ...     outputs.metrics(acc=42.0).read_text().split()
    ['{', '"acc":', '42.0', '}']
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(
                f"The output folder {str(folder)!r} is a file or lies under one; "
                "give the name of a folder."
            ) from None

    def figure(self, fig, name: str) -> Path:
        """Save a figure as ``<name>.png``, 150 dots per inch, cut to its content.

        Parameters
        ----------
        fig : matplotlib.figure.Figure
        name : str
            File name without a folder; ``.png`` is added where it is missing.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ValueError
            When `fig` is no figure or `name` is no plain file name.
        """
        if not hasattr(fig, "savefig"):
            raise ValueError(
                f"figure() got a {type(fig).__name__}; expected a Matplotlib figure "
                "(for an Axes pass ax.figure)."
            )
        target = self._file(name, ".png")
        with atomic_path(target) as path:
            fig.savefig(path, dpi=150, bbox_inches="tight")
        return target

    def table(self, frame, name: str) -> Path:
        """Save a table as ``<name>.csv``.

        Parameters
        ----------
        frame : pandas.DataFrame
            Its index is written too, unless it is the plain 0, 1, 2, ….
        name : str
            File name without a folder; ``.csv`` is added where it is missing.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ValueError
            When `frame` is no DataFrame or `name` is no plain file name.
        """
        if not hasattr(frame, "to_csv"):
            raise ValueError(f"table() got a {type(frame).__name__}; expected a pandas DataFrame.")
        target = self._file(name, ".csv")
        with atomic_path(target) as path:
            frame.to_csv(path, index=not _is_plain_range(frame.index))
        return target

    def metrics(self, **values) -> Path:
        """Merge `values` into ``metrics.json``; a name given again is replaced.

        Parameters
        ----------
        **values : number, str, or list of these
            NumPy scalars and arrays are taken as the numbers they hold. Not-a-number and infinity
            are refused: JSON has neither, and no test could compare them.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ValueError
            When a value is anything else, or when the file there is not a JSON object.
        """
        target = self.folder / METRICS_FILE
        merged = _read_metrics(target)
        merged.update({name: _plain(name, value) for name, value in values.items()})
        with atomic_path(target) as path:
            path.write_text(json.dumps(merged, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return target

    def _file(self, name: str, suffix: str) -> Path:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(
                f"{name!r} cannot name an output; "
                "use letters, digits, '_', '-' and '.', and no folder."
            )
        return self.folder / (name if name.endswith(suffix) else name + suffix)


def _is_plain_range(index) -> bool:
    is_whole = index.inferred_type == "integer"  # False and True equal 0 and 1
    return is_whole and index.name is None and list(index) == list(range(len(index)))


def _read_metrics(path: Path) -> dict:
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text("utf-8"))
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict):
        raise ValueError(f"{path} is not a JSON object; delete it and run the notebook again.")
    return metrics


def _plain(name: str, value):
    """Return `value` as plain JSON data."""
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, torch tensors
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"The metric {name!r} is {value}; expected a finite number.")
    if not isinstance(value, str | int | float):
        raise ValueError(
            f"The metric {name!r} is a {type(value).__name__}; "
            "expected a number, a string, or a list of these."
        )
    return value
