"""What was noticed about a table, one sentence each."""

from __future__ import annotations

import numpy as np

from dnalib.discovery.texts import Rows, some_of


def table_notes(rows: Rows, *, most: int, n_learned: int, n_asked: int, n_found: int) -> list[str]:
    """Return what a person should know about the table.

    Parameters
    ----------
    rows : Rows
    most : int
        Rows that are learned from at most, but for one of each class.
    n_learned : int
        Rows that were learned from.
    n_asked, n_found : int
        Categories that were asked for, 0 if none were, and those that there are of them.
    """
    n, n_distinct = len(rows), len(rows.distinct)
    n_empty = int((~rows.has_text).sum())
    n_unlabeled = int(((rows.coarse < 0) & rows.has_text).sum())
    n_copies = int((rows.copy_of >= 0).sum()) - n_distinct
    sizes = np.bincount(rows.coarse[rows.distinct], minlength=len(rows.parents))
    single = [name for name, size in zip(rows.parents, sizes, strict=True) if size == 1]
    notes = {
        f"{n_empty} of {n} rows hold no text: they have the category -1.": n_empty,
        f"{n_unlabeled} of {n} rows have no coarse label: theirs is predicted.": n_unlabeled,
        f"{n_copies} rows say the same as another one of their class: each text was learned from "
        "once.": n_copies,
        f"{n_distinct} distinct texts are more than max_rows={most}: {n_learned} were learned "
        "from, the others went to the nearest category of their class.": n_distinct > most,
        f"Coarse classes of a single text: {some_of(single)}.": single,
        f"{n_asked} categories were asked for but a class never gets more than the encoder can "
        f"tell apart of the texts that were learned from: {n_found} it is.": n_found < n_asked,
    }
    return [note for note, holds in notes.items() if holds]
