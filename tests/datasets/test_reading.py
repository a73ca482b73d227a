"""Tables as people save them: separators, encodings, and what is said of them."""

import pytest

from dnalib.datasets import read_table


def read(folder, content):
    (folder / "t.csv").write_bytes(content)
    return read_table(folder / "t.csv")


# --- separators ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"text;label\nhello there;a;\nbye now;b;\n",
        b"text;label\nhello there;a;\nbye now;b\n",
        b"text,label\nhello there,a,\nbye now,b,\n",
    ],
)
def test_rows_that_end_in_a_separator_keep_their_columns(tmp_path, content):
    frame = read(tmp_path, content).frame
    assert frame.to_dict("list") == {"text": ["hello there", "bye now"], "label": ["a", "b"]}
    assert frame.index.tolist() == [0, 1]


@pytest.mark.parametrize("more", [b"hello, there,a\n", b"hello there,a,\nhello, there,a\n"])
def test_values_without_a_column_are_refused_and_not_dropped(tmp_path, more):
    with pytest.raises(ValueError, match="more values than the header has columns, 2: put") as caught:
        read(tmp_path, b"text,label\n" + more)
    assert "\n" not in str(caught.value)
