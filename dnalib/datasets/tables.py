"""A person's own texts: from a file or a data frame."""

import os

import numpy as np
import pandas as pd

from dnalib.datasets.cells import plain_label
from dnalib.datasets.core import CoarseDataset, Split, encode, stratified_split
from dnalib.datasets.reading import read_table


def from_table(
    path_or_frame: str | os.PathLike | pd.DataFrame,
    text: str,
    coarse: str,
    fine: str | None = None,
    test_size: float = 0.2,
    seed: int = 0,
) -> CoarseDataset:
    """Return one's own texts and coarse labels as a dataset.

    Parameters
    ----------
    path_or_frame : path or pandas.DataFrame
        A table with a header, in any format that `read_table` takes.
    text, coarse : str
        The columns of the texts and of their coarse labels. Labels may be numbers; their names
        are then the digits.
    fine : str, optional
        The column of fine labels, for scoring only.
    test_size : float, default 0.2
        The share of each coarse category that goes to the test split; a category of one row goes
        to train.
    seed : int, default 0
        Which rows go to the test split.

    Returns
    -------
    CoarseDataset
        Coarse and fine names are sorted. Rows keep the order of the table.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the suffix is not supported, the file cannot be read, a column is missing, the table
        holds no rows, a text or label is missing or empty, the texts are not text, or there is
        only one coarse category.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({
    ...     "message": ["card lost", "card stolen", "where is it", "parcel late"],
    ...     "desk": ["cards", "cards", "delivery", "delivery"],
    ... })
    >>> dataset = from_table(frame, text="message", coarse="desk")
    >>> dataset.coarse_names, len(dataset.train), len(dataset.test)
    (('cards', 'delivery'), 2, 2)
    """
    name, frame = _read(path_or_frame)
    check_columns(frame, name, [column for column in (text, coarse, fine) if column is not None])
    _check_texts(frame[text].astype(object), name)
    coarse_ids, coarse_names = _labels(frame[coarse], name)
    fine_ids, fine_names = (None, None) if fine is None else _labels(frame[fine], name)
    if len(coarse_names) < 2:
        raise ValueError(
            f"column {coarse!r} of {name} holds one coarse category only ({coarse_names[0]!r}), "
            "expected at least 2: choose another column"
        )

    def split(rows: np.ndarray) -> Split:
        texts = frame[text].iloc[rows].tolist()
        return Split(texts, coarse_ids[rows], None if fine_ids is None else fine_ids[rows])

    train, test = (split(rows) for rows in stratified_split(coarse_ids, test_size, seed))
    provenance = {"source": name, "sizes": {"train": len(train), "test": len(test)}}
    return CoarseDataset(name, "text", train, test, coarse_names, fine_names, provenance)


def _read(path_or_frame: str | os.PathLike | pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the name and the content of a table."""
    if isinstance(path_or_frame, pd.DataFrame):
        return "data frame", path_or_frame
    table = read_table(path_or_frame)
    return table.name, table.frame


def check_columns(frame: pd.DataFrame, name: str, columns: list[str]) -> None:
    """Raise a ValueError unless each column is there once and there are rows."""
    if frame.empty:
        raise ValueError(f"{name} holds no rows, expected at least one for each category")
    for column in columns:
        found = list(frame.columns).count(column)
        if found != 1:
            existing = ", ".join(repr(column) for column in frame.columns)
            problem = "has no column" if found == 0 else f"has {found} columns"
            raise ValueError(f"{name} {problem} {column!r}, expected one of: {existing}")


def _check_texts(texts: pd.Series, name: str) -> None:
    is_blank = np.array([isinstance(value, str) and not value.strip() for value in texts])
    _check_none_missing(texts.isna() | is_blank, texts.name, name)
    numbers = pd.to_numeric(texts, errors="coerce").notna()
    other = [value for value in texts if not isinstance(value, str)]
    if other or numbers.all():
        example = other[0] if other else texts.iloc[0]
        raise ValueError(
            f"column {texts.name!r} of {name} holds {example!r}, expected texts: "
            "choose another column"
        )


def _labels(labels: pd.Series, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return label ids (n,) and the sorted names."""
    # Not astype(str), which decodes bytes where str shows them as they are.
    texts = [plain_label(value) for value in labels]
    is_blank = np.array([text == "" for text in texts])
    _check_none_missing(labels.isna() | is_blank, labels.name, name)
    names = tuple(sorted(set(texts)))
    return encode(texts, names), names


def _check_none_missing(missing: pd.Series, column: str, name: str) -> None:
    rows = np.flatnonzero(missing)
    if len(rows):
        raise ValueError(
            f"column {column!r} of {name} is empty in {len(rows)} of {len(missing)} rows "
            f"(the first is row {rows[0]}, counting from 0): fill or drop them"
        )
