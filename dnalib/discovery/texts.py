"""Texts and coarse labels as people have them: missing, doubled, endless, full of markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dnalib.datasets.cells import plain_label, without_halves

LONGEST = 20_000
"""Characters of a text that are kept; encoders read a few hundred of them."""
LONGEST_RAW = 20 * LONGEST
"""Characters that are looked at, markup included: a mail's head may hold more than its body."""

_HTML = (
    "a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|big|blockquote|"
    "body|br|button|canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|"
    "dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|"
    "h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|map|"
    "mark|marquee|menu|meta|meter|nav|nobr|noframes|noscript|object|ol|optgroup|option|output|p|"
    "param|picture|pre|progress|q|rp|rt|ruby|s|samp|script|search|section|select|slot|small|source|"
    "span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|"
    "time|title|tr|track|tt|u|ul|var|video|wbr"
)
# Both run to the text's end where nothing closes: a search that fails there and starts anew behind
# each of thousands of tags would take seconds.
_COMMENT = re.compile(r"<!--.*?(?P<end>-->|\Z)", re.S)
_CODE = re.compile(r"<(script|style)(?:\s[^<>]*)?>.*?(?P<end></\1\s*>|\Z)", re.S | re.I)
_TAG = re.compile(
    rf"</[a-z][\w:-]*\s*>|<(?:{_HTML}|[a-z]\w*:[a-z]\w*)(?:\s[^<>]*)?/?>"
    r"""|<[a-z][\w-]*\s(?=[^<>]*=["'])[^<>]*>"""
    r"""|<![a-z\[][^<>]*>|<\?[a-z][^<>]*>""",  # <!DOCTYPE ...>, Word's <![if ...]>, <?xml ...?>
    re.I,
)
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\x00-\x08\x0e-\x1f]")


def clean(text: str) -> str:
    """Return a text without markup, invisible characters and runs of blanks.

    A tag is what closes one, ``</...>``; what begins with the name of an element of HTML or has a
    prefix, as ``<o:p>`` of Office; what has an attribute in quotes; and a declaration, such as
    ``<!DOCTYPE html>``. So "a < b", "x <y and z>" and "<username>" stay as they are. Scripts,
    styles and comments go with what is in them where they are closed or a "{" follows: a text may
    just mention such a tag. Of what is left, the first `LONGEST` characters are kept, and of texts
    of more than `LONGEST_RAW` only those are looked at.

    Examples
    --------
    >>> clean("<p>Hello&nbsp;<b>there</b></p>  a < b")
    'Hello there a < b'
    """
    text = without_halves(text[:LONGEST_RAW])
    if "<" in text:
        text = _CODE.sub(_mentioned, _COMMENT.sub(_mentioned, text))
        text = _TAG.sub(" ", text)
    words = _INVISIBLE.sub("", html.unescape(text)).split()
    return " ".join(words)[:LONGEST].rstrip()


def _mentioned(found: re.Match) -> str:
    """Return what stays of a script, style or comment: all where it is neither closed nor code."""
    return " " if found["end"] or "{" in found[0] else found[0]


def is_missing(value: object) -> bool:
    """Tell whether a cell holds nothing: None, NaN, NA, or blanks only."""
    if isinstance(value, str):
        return not value.strip()
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def clean_all(texts: Iterable) -> list[str]:
    """Return every text cleaned, ``""`` for a missing one.

    Raises
    ------
    ValueError
        If `texts` is a single string or a table, is empty, or holds something that is neither text
        nor missing.
    """
    texts = _listed(texts, "texts", "a list of texts")
    if not texts:
        raise ValueError("there are no texts, expected a list of at least one")
    for row, text in enumerate(texts):
        if not isinstance(text, str) and not is_missing(text):
            raise ValueError(
                f"text {row} is {_short(text)}, expected text: choose another column, or turn "
                "its values into text first"
            )
    return [clean(text) if isinstance(text, str) else "" for text in texts]


def plain_labels(coarse: Iterable) -> list[str | None]:
    """Return coarse labels as `plain_label`, None for a missing one."""
    labels = _listed(coarse, "coarse labels", "one label a text")
    return [None if is_missing(label) else plain_label(label) for label in labels]


def _listed(values: Iterable, name: str, expected: str) -> list:
    """Return one column of values as a list."""
    n_axes = getattr(values, "ndim", 1)
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or n_axes == 0:
        raise ValueError(
            f"{name} are one {type(values).__name__} ({str(values)[:40]!r}), expected {expected}"
        )
    if isinstance(values, Mapping) or n_axes > 1:  # a data frame would pass for its columns' names
        raise ValueError(
            f"{name} are a table ({type(values).__name__}), expected one column of it: give that, "
            "such as df['text']"
        )
    return list(values)


@dataclass(frozen=True, eq=False)
class Rows:
    """A table's rows, and which of them are distinct.

    Attributes
    ----------
    texts : list of str, length n
        Cleaned; ``""`` where there was none.
    coarse : ndarray of int64, shape (n,)
        Position among `parents`; -1 where the label is missing.
    parents : tuple of str
        The coarse labels, sorted.
    distinct : ndarray of int64, shape (m,)
        The first row of each pair of text (whatever its case) and coarse label, of the rows that
        have both.
    copy_of : ndarray of int64, shape (n,)
        For each row with text and label, the first row that says the same; else -1.
    """

    texts: list[str]
    coarse: np.ndarray
    parents: tuple[str, ...]
    distinct: np.ndarray
    copy_of: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def has_text(self) -> np.ndarray:
        """Whether each row holds a text, (n,) bool."""
        return has_text(self.texts)


def has_text(texts: Sequence[str]) -> np.ndarray:
    """Return whether each cleaned text holds anything, (n,) bool."""
    return np.array([bool(text) for text in texts])


def prepare(texts: Iterable, coarse: Iterable) -> Rows:
    """Return the rows to learn from.

    Raises
    ------
    ValueError
        As `clean_all`, or if the lengths differ, all texts are empty or numbers, no row has both
        text and label, or all rows that do have the same label.
    """
    cleaned, labels = clean_all(texts), plain_labels(coarse)
    check_lengths(cleaned, labels)
    _check_worded(cleaned)
    usable = [bool(text) and label is not None for text, label in zip(cleaned, labels)]
    parents = tuple(sorted({label for label, good in zip(labels, usable) if good}))
    if len(parents) < 2:
        found = f"only {parents[0]!r}" if parents else "none"
        raise ValueError(
            f"the rows that hold a text have too few coarse labels ({found}), expected at least 2 "
            "different ones: choose another column"
        )
    position = {name: index for index, name in enumerate(parents)}
    ids = np.array([position.get(label, -1) for label in labels], dtype=np.int64)
    copy_of = np.full(len(cleaned), -1, dtype=np.int64)
    first: dict[tuple[str, int], int] = {}
    for row in np.flatnonzero(usable):
        copy_of[row] = first.setdefault((cleaned[row].casefold(), int(ids[row])), int(row))
    return Rows(cleaned, ids, parents, np.array(list(first.values())), copy_of)


def prepare_new(
    texts: Iterable, coarse: Iterable | None, parents: Sequence[str]
) -> tuple[list[str], np.ndarray]:
    """Return new texts cleaned, and their positions (n,) among `parents`, -1 where not known.

    Raises
    ------
    ValueError
        As `clean_all`, or if the lengths differ or a row with text has a label that is not among
        `parents`.
    """
    cleaned = clean_all(texts)
    if coarse is None:
        return cleaned, np.full(len(cleaned), -1, dtype=np.int64)
    labels = plain_labels(coarse)
    check_lengths(cleaned, labels)
    position = {name: index for index, name in enumerate(parents)}
    for text, label in zip(cleaned, labels, strict=True):
        # Labels that only rows without text have are not among those that were learned.
        if text and label is not None and label not in position:
            raise ValueError(
                f"coarse label {label!r} is unknown to the model, expected one of "
                f"{some_of(parents)}, or None to have it predicted"
            )
    return cleaned, np.array([position.get(x, -1) for x in labels], dtype=np.int64)


def some_of(labels: Sequence[str], most: int = 12) -> str:
    """Return the first of the labels for a sentence, which a column of ids would make endless."""
    more = f", … ({len(labels)} in all)" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def check_lengths(texts: Sequence, labels: Sequence) -> None:
    """Raise a ValueError unless there is one label a text."""
    if len(texts) != len(labels):
        raise ValueError(
            f"there are {len(labels)} coarse labels for {len(texts)} texts: give one a text"
        )


def _check_worded(texts: Sequence[str]) -> None:
    """Raise a ValueError where no text holds anything but a number, as in a column of ids."""
    present = [text for text in texts if text]
    if not present:
        raise ValueError(f"all {len(texts)} texts are empty, expected texts: choose another column")
    if all(_is_number(text) for text in present):
        raise ValueError(
            f"the texts are numbers, such as {_short(present[0])}, expected texts: choose another "
            "column"
        )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _short(value: object) -> str:
    shown = repr(value).partition("\n")[0]
    return shown if len(shown) <= 60 else shown[:57] + "..."
