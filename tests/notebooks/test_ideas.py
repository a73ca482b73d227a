"""What notebook 06 says of each method against its baseline is what the stored runs say."""

import json
import re
from pathlib import Path

import pytest

from dnalib.benchmark import ResultStore, main_runs
from dnalib.benchmark.labels import read_labels
from dnalib.benchmark.statistics import gains
from dnalib.methods import METHODS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told():
    """Titles and points of each of the three items of the list."""
    notebook = json.loads((ROOT / "notebooks" / "06_full_benchmarks.ipynb").read_text("utf-8"))
    (cell,) = (c for c in notebook["cells"] if c["id"] == "ideas-why")
    items = re.findall(r"^- \*\*(.+?):\*\* (.+)\.$", "".join(cell["source"]), re.MULTILINE)
    return {
        name: {
            title: float(points.replace("\N{MINUS SIGN}", "-"))
            for title, points in re.findall(r"(?:^|, )(.+?) \(([+\N{MINUS SIGN}][\d.]+)\)", listed)
        }
        for name, listed in items
    }


def test_gains_and_losses_of_hwu64_are_those_of_the_stored_runs(told):
    records = ResultStore(ROOT / "results" / "runs.jsonl").records()
    fine = read_labels("hwu64", ROOT / "results" / "labels.json").fine
    baselines = {name: method.baseline for name, method in METHODS.items()}
    found = gains(main_runs(records, "hwu64"), fine, baselines)
    assert len(found) == len(METHODS) - 1
    assert found["seeds"].min() >= 3
    found.index = [METHODS[name].title for name in found["method"]]
    kinds = {"Gain": "low > 0", "Lose": "high < 0", "Not to be told from luck": "low <= 0 <= high"}
    assert told.keys() == kinds.keys()
    for kind, condition in kinds.items():
        expected = found.query(condition)["difference"].to_dict()
        assert told[kind] == pytest.approx(expected, abs=0.051)
