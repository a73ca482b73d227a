"""Tables as people save them: the format by the name, the encoding and separator by the content."""

from __future__ import annotations

import gzip
import io
import os
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
from charset_normalizer import from_bytes

# As written: pandas would take the label 1.10 for the number 1.1 and the text "NA" for a gap.
_AS_WRITTEN = {"dtype": str, "keep_default_na": False, "na_values": [""]}
_EXCEL, _PARQUET = ".xlsx", ".parquet"
_SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_QUOTED = re.compile(r'"[^"]*"')
_HEADER = re.compile(r'(?:(?:^|(?<=[,;\t|]))"(?:[^"]|"")*"|[^\n])*')  # a quoted name may be wrapped
_SEPARATOR_LINE = re.compile(r"[\ufeff\r\n]*sep=([,;\t|])\r?\n", re.I)
_JSON_LINES = (".jsonl", ".ndjson")
_TEXT_SUFFIXES = (*_SEPARATORS, *_JSON_LINES)
SUFFIXES = (*_TEXT_SUFFIXES, _PARQUET, _EXCEL, *(f"{s}.gz" for s in _TEXT_SUFFIXES))
SAMPLE = 200_000
"""Bytes of lines with other than ASCII characters that an encoding is guessed from."""
_UNREADABLE = (ValueError, OSError, EOFError, KeyError, BadZipFile, zlib.error)
_UNREADABLE += (TypeError, SyntaxError)  # of an Excel file's styles, and of XML that is cut off
STRAY = 0.1
"""Share of the characters beyond ASCII that may be damaged in what is taken for UTF-8."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was read.

    Attributes
    ----------
    name : str
        The file's name.
    frame : DataFrame
    note : str
        What was read, and what was guessed: rows, columns, format, encoding, separator.
    """

    name: str
    frame: pd.DataFrame
    note: str


def read_table(path: str | os.PathLike) -> Table:
    """Read a table with a header, whatever its format, encoding and separator.

    Values of CSV, TSV and Excel stay as written: the label 1.10 is not the number 1.1, and "NA" is
    a text.

    Parameters
    ----------
    path : path
        A name that ends in ``.csv``, ``.tsv``, ``.txt`` or ``.jsonl`` (all also with ``.gz``),
        ``.parquet`` or ``.xlsx``, of which the first sheet is read. UTF-8, also with a few damaged
        characters, and UTF-16 are recognized (without its mark where most characters are Latin);
        what is neither is read in the encoding that fits best. `Table.note` says which. Where the
        header of a ``.csv`` holds no comma outside quotes, a semicolon, tab or bar there separates;
        a line ``sep=;`` before it says so, too.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the suffix is not supported, or the file is empty, binary, or not such a table.
    """
    path = Path(path)
    suffix = next((s for s in SUFFIXES[::-1] if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise ValueError(
            f"{path} is not a table that can be read, expected a name ending in one of: "
            f"{', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    try:
        frame, how = _read(path.read_bytes(), suffix)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} cannot be read as {suffix} ({reason}): save the table again in that format"
        ) from error
    rows, columns = frame.shape
    return Table(path.name, frame, f"{path.name}: {rows} rows, {columns} columns, read as {how}")


def _read(content: bytes, suffix: str) -> tuple[pd.DataFrame, str]:
    """Return the table and how it was read."""
    if suffix.endswith(".gz"):
        content, suffix = gzip.decompress(content), suffix.removesuffix(".gz")
    if not content.strip():
        raise ValueError("the file is empty")
    if suffix == _PARQUET:
        return pd.read_parquet(io.BytesIO(content)), suffix
    if suffix == _EXCEL:
        return _first_sheet(content)
    text, encoding = _decode(content)
    if suffix in _JSON_LINES:
        # Columns called date or the like hold labels as they are written, too.
        table = pd.read_json(io.StringIO(text), lines=True, dtype=False, convert_dates=False)
        return table, f"{suffix}, {encoding}"
    separator, text = _separator(text, _SEPARATORS[suffix])
    return _separated(text, separator), f"{suffix}, {encoding}, separated by {separator!r}"


def _first_sheet(content: bytes) -> tuple[pd.DataFrame, str]:
    with pd.ExcelFile(io.BytesIO(content)) as book:
        names = book.sheet_names
        which = f", the first of {len(names)} sheets, {names[0]!r}" if len(names) > 1 else ""
        return book.parse(**_AS_WRITTEN), _EXCEL + which


def _separated(text: str, separator: str) -> pd.DataFrame:
    # Without index_col=False pandas takes the first column for an index where every row ends in a
    # separator; with it, values beyond the header's columns are dropped, at a warning.
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(io.StringIO(text), sep=separator, index_col=False, **_AS_WRITTEN)
        except pd.errors.ParserWarning as warning:
            header = pd.read_csv(io.StringIO(text), sep=separator, nrows=0)
            raise ValueError(
                f"some rows hold more values than the header has columns, {header.shape[1]}: put "
                f"texts that hold {separator!r} in quotes"
            ) from warning


def _decode(content: bytes) -> tuple[str, str]:
    """Return the text, and its encoding in words."""
    encoding = _likely_encoding(content)
    try:
        text = content.decode(encoding)
        if "\x00" not in text:
            return text, encoding.removesuffix("-sig").upper()
    except UnicodeDecodeError:
        pass
    if b"\x00" in content:
        raise ValueError("it is a binary file, not text")
    text = content.decode("utf-8-sig", errors="replace")
    damaged, special = text.count("\ufffd"), len(text) - len(text.encode("ascii", "ignore"))
    if damaged <= STRAY * special:
        return text, f"UTF-8 (damaged characters, shown as \ufffd: {damaged})"
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())
    guesses = from_bytes(telling[:SAMPLE])
    if not guesses:
        raise ValueError("it is a binary file, or text in an unknown encoding")
    best = guesses.best()
    # The commonest by far, which on a tie comes after the one of Central Europe.
    even = [g for g in guesses if (g.chaos, g.coherence) == (best.chaos, best.coherence)]
    guess = next((g for g in even if g.encoding == "cp1252"), best)
    return content.decode(guess.encoding, errors="replace"), f"{guess.encoding} (a guess)"


def _likely_encoding(content: bytes) -> str:
    """Return the encoding to try: UTF-16 where a mark or the places of NULs say so, else UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding, high_bytes in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if high_bytes.count(0) > len(high_bytes) / 2:  # as of Latin text; UTF-8 has none at all
            return encoding
    return "utf-8-sig"


def _separator(text: str, expected: str) -> tuple[str, str]:
    """Return the separator, and the text without a first line that says nothing else."""
    if said := _SEPARATOR_LINE.match(text):
        return said[1], text[said.end() :]
    header = _QUOTED.sub("", _HEADER.match(text.lstrip("\ufeff\r\n"))[0])
    others = [s for s in ";\t|" if s in header]
    return others[0] if expected == "," and expected not in header and others else expected, text
