"""Tables of any kind: a dataset that holds every row, or one sentence."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnalib.datasets import from_table
from dnalib.datasets.cells import plain_label

CELLS = st.one_of(
    st.sampled_from(["a", "b", "card lost", "", " ", "1.10", "NA", "nan"]),
    st.text(max_size=5),
    st.none(),
    st.integers(-3, 3),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
)
COLUMNS = st.sampled_from(["text", "coarse", "fine", "", "other"])


@st.composite
def frames(draw):
    """Frames of which a third is good: each part is mostly as it should be."""
    mostly = st.sampled_from([True, True, True, True, False])
    good = ["text", "coarse", "fine"]
    columns = good if draw(mostly) else draw(st.lists(COLUMNS, max_size=4))
    labels = st.sampled_from(["a", "b", "c"]) if draw(mostly) else CELLS
    texts = st.sampled_from(["card lost", "é", "1.10", "NA"]) if draw(mostly) else CELLS
    rows = draw(st.integers(0, 8))
    kinds = [texts if column == "text" else labels for column in columns]
    values = [[draw(kind) for kind in kinds] for _ in range(rows)]
    return pd.DataFrame(values, columns=columns)


def attempt(*arguments, **keywords):
    """Return the dataset, or None after a refusal in one sentence."""
    try:
        return from_table(*arguments, **keywords)
    except (ValueError, FileNotFoundError) as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 2000
        return None


@settings(max_examples=300, deadline=None)
@given(
    frame=frames(),
    fine=st.sampled_from(["fine", "fine", None, "gone"]),
    test_size=st.sampled_from([0.2, 0.3, 0.5, 0.7, 0, 1, float("nan")]),
)
def test_any_frame_is_taken_whole_or_refused(frame, fine, test_size):
    before = frame.copy(deep=True)
    dataset = attempt(frame, "text", "coarse", fine, test_size)
    pd.testing.assert_frame_equal(frame, before)
    if dataset is not None:
        taken = sorted([*dataset.train.inputs, *dataset.test.inputs])
        assert taken == sorted(frame["text"])
        assert len(dataset.train.coarse) + len(dataset.test.coarse) == len(frame)
        assert set(dataset.coarse_names) == set(map(plain_label, frame["coarse"]))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".xlsx"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=60) | st.text('text,coarse\t\n"1é').map(str.encode))
def test_any_file_is_read_or_refused(tmp_path, suffix, content):
    path = tmp_path / f"table{suffix}"
    path.write_bytes(content)
    attempt(path, "text", "coarse")
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]
