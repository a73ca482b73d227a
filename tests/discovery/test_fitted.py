"""The rows that a model was fitted on."""

import numpy as np

from dnalib.discovery.fitted import Fitted


def test_rows_that_were_added_name_only_categories_that_hold_no_others():
    texts = ["oak tree", "oak leaf", "", "zebra flux", "zebra", "quantum"]
    copy_of, zeros = np.array([0, 1, -1, -1, -1, -1]), np.zeros(6, dtype=np.int64)
    rows = Fitted(texts, np.zeros((6, 2)), zeros, zeros, zeros, copy_of)
    names = rows.names(np.array([0, 0, -1, 1, 1, 0]), [0, 1, 2], [0, 1, 2], {})
    assert set(names[0].split(", ")) == {"oak", "tree", "leaf"}
    assert (names[1], names[2]) == ("flux, zebra", "(empty)")
