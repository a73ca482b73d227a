"""What notebooks leave behind."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from dnalib.outputs import Outputs, _plain

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = numbers | st.text() | st.lists(numbers | st.text())


@pytest.fixture
def outputs(tmp_path):
    return Outputs(tmp_path / "some" / "folder")


def test_figure_is_150_dpi_and_cut_to_its_content(outputs):
    figure = Figure(figsize=(4, 2))
    figure.add_axes((0, 0, 1, 1)).set_title("a title above the canvas")
    path = outputs.figure(figure, "map")
    height, width = imread(path).shape[:2]
    assert path == outputs.folder / "map.png"
    assert width >= 4 * 150 and height > 2 * 150  # taller: the title is not clipped
    assert outputs.figure(figure, "map.png") == path


def test_table_keeps_values_and_meaningful_index(outputs):
    frame = pd.DataFrame({"method": ["a, b", "c"], "acc": [1 / 3, 0.5]})
    pd.testing.assert_frame_equal(pd.read_csv(outputs.table(frame, "scores")), frame)
    indexed = frame.set_index("method")
    flags = pd.DataFrame({"acc": [1, 2]}, index=[False, True])
    assert pd.read_csv(outputs.table(flags, "flags")).shape == (2, 2)
    read = pd.read_csv(outputs.table(indexed, "scores"), index_col="method")
    pd.testing.assert_frame_equal(read, indexed)


def test_metrics_are_merged(outputs):
    outputs.metrics(acc=np.float32(0.5), name="dna")
    path = outputs.metrics(acc=2, curve=np.arange(3), n=np.int64(4))
    assert json.loads(path.read_text()) == {"acc": 2, "name": "dna", "curve": [0, 1, 2], "n": 4}
    assert [p.name for p in outputs.folder.iterdir()] == ["metrics.json"]


@given(values)
def test_plain_values_stay_as_they_are(value):
    assert _plain("x", value) == value
    assert json.loads(json.dumps(_plain("x", value))) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.array([1.0, np.nan])])
def test_metrics_refuse_what_is_not_finite(outputs, value):
    outputs.metrics(before=1)
    with pytest.raises(ValueError, match="The metric 'acc' is (nan|inf); expected a finite"):
        outputs.metrics(fine=1, acc=value)
    assert json.loads((outputs.folder / "metrics.json").read_text()) == {"before": 1}


@pytest.mark.parametrize("value", [None, {"a": 1}, object(), [[1], [{}]], pd.DataFrame()])
def test_metrics_refuse_other_types(outputs, value):
    with pytest.raises(ValueError, match="The metric 'acc' is a .*; expected a number, a string"):
        outputs.metrics(acc=value)


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_metrics_refuse_a_broken_file(outputs, text):
    (outputs.folder / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match="is not a JSON object; delete it"):
        outputs.metrics(acc=1)


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b", 3])
def test_names_stay_in_the_folder(outputs, name):
    with pytest.raises(ValueError, match="cannot name an output"):
        outputs.table(pd.DataFrame(), name)


def test_wrong_things_are_refused(outputs, tmp_path):
    axes = Figure().add_subplot()
    with pytest.raises(ValueError, match="figure.. got a Axes; expected a Matplotlib figure"):
        outputs.figure(axes, "map")
    with pytest.raises(ValueError, match="table.. got a list; expected a pandas DataFrame"):
        outputs.table([1], "scores")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "under"):
        with pytest.raises(ValueError, match="is a file or lies under one"):
            Outputs(folder)


def test_nothing_half_written_stays(outputs, monkeypatch):
    outputs.table(pd.DataFrame({"a": [1]}), "scores")

    class Breaks(pd.DataFrame):
        def to_csv(self, path, **options):
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        outputs.table(Breaks({"a": [2]}), "scores")
    assert [p.name for p in outputs.folder.iterdir()] == ["scores.csv"]
    assert (outputs.folder / "scores.csv").read_text() == "a\n1\n"
