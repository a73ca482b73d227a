"""Labels as plain text, whatever the cell held."""

import numpy as np
import pytest

from dnalib.datasets.cells import plain_label


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        (np.float32(3), "3"),
        (2.5, "2.5"),
        ("1.0", "1.0"),
        (float("inf"), "inf"),
        (True, "True"),
        (" a\rlabel \n in lines", "a label in lines"),
        ("half \ud83d", "half ?"),
    ],
)
def test_a_label_is_one_line_of_plain_text(label, plain):
    assert plain_label(label) == plain
