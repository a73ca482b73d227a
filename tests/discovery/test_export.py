"""What is written: tables, the report, the model."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from dnalib.discovery import (
    FineCategoryDiscovery,
    export,
    numbers,
    repeated,
    report,
    suspicious,
    warnings,
)


@pytest.fixture
def planar(monkeypatch):
    """A map without UMAP, which takes seconds to import."""
    monkeypatch.setattr(report, "project", lambda features, seed: np.asarray(features)[:, :2])


class Page(HTMLParser):
    """The tags, attributes and visible text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.shown = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "action")]

    def handle_data(self, data):
        self.shown += data


def test_everything_is_written(make, table, tmp_path, planar):
    texts, coarse = table
    model = make(4).fit([*texts, None], [*coarse, "plant"]).rename(0, "=SUM(A1)")
    written = export(model, tmp_path / "out", title="Tickets")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "categories.csv", "categories.xlsx", "report.html", "model",
    }  # fmt: skip
    saved = pd.read_csv(written["csv"])
    assert saved.columns.tolist() == ["row", "parent", "category", "name", "confidence"]
    assert saved["category"].tolist() == model.labels_.tolist()
    sheet = pd.read_excel(written["sheet"])
    assert sheet["category"].tolist() == model.labels_.tolist()
    assert "'=SUM(A1)" in set(sheet["name"])
    loaded = FineCategoryDiscovery.load(written["model"])
    assert loaded.predict(texts, coarse).tolist() == model.labels_[:-1].tolist()
    model.merge([2, 3], name="one")
    assert "one" in set(pd.read_csv(export(model, tmp_path / "out")["csv"])["name"])


def test_an_export_that_is_refused_writes_nothing(make, table, tmp_path, planar):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="exists and holds no model"):
        export(make(4).fit(*table), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["model"]


def test_large_tables_become_parquet(make, table, tmp_path, planar, monkeypatch):
    model = make(4).fit(*table)
    first = export(model, tmp_path)["sheet"]
    with monkeypatch.context() as patched:
        patched.setattr("dnalib.discovery.exporting.LARGEST_SHEET", 50)
        written = export(model, tmp_path)
    assert written["sheet"].name == "categories.parquet" and not first.exists()
    assert len(pd.read_parquet(written["sheet"])) == 100
    assert export(model, tmp_path)["sheet"] == first and not written["sheet"].exists()


def test_labels_and_names_stand_in_excel_as_they_are(make, table, tmp_path, planar):
    labels = {"animal": "-1", "plant": "+49"}
    model = make(4).fit(table[0], [labels[name] for name in table[1]]).rename(0, "@home")
    model.rename(1, "#N/A")
    sheet = pd.read_excel(export(model, tmp_path)["sheet"], dtype=str)
    assert "'#N/A" in set(sheet["name"])  # by itself it would be an error, and an empty cell here
    assert sheet["parent"].tolist() == model.fitted_table()["parent"].tolist()
    assert "@home" in set(sheet["name"])


def test_the_report_is_one_safe_file(make, table, tmp_path, planar):
    texts, coarse = table
    evil = "cat </script><script>alert(1)</script> &lt;img src=x onerror=alert(2)&gt; purr"
    model = make({"animal": 2, "plant": 2}).fit([*texts, evil], [*coarse, "animal"])
    model.rename(0, "</script><i>bold</i>")
    page = report.write_report(model, tmp_path / "r.html", title="A & <B>").read_text("utf-8")
    parsed = Page(page)
    assert parsed.addresses == [] and not re.search(r"https?://|@import|url\(", page)
    assert "img" not in parsed.tags and parsed.tags.count("script") == 2
    assert "A & <B>" in parsed.shown and "<i>bold</i>" in parsed.shown
    assert parsed.tags.count("circle") == 101
    for name in model.categories()["name"]:
        assert name in parsed.shown


def test_tables_too_small_for_a_map(make, tmp_path):
    model = make(2).fit(["cat", "dog", "rose"], ["a", "a", "b"])
    page = report.write_report(model, tmp_path / "r.html").read_text("utf-8")
    assert "<svg" not in page and "The categories" in page


@pytest.mark.parametrize(
    ("n_fine", "times"),
    [("auto", 0), ({"tiny": 9}, 0), ({"tiny": 2}, 1), ({"plant": 3}, 1), (5, 3)],
)
def test_as_asked_is_said_of_what_was_asked_for_and_found(
    make, table, tmp_path, planar, n_fine, times
):
    texts, coarse = [*table[0], "oak", "rose"], [*table[1], "tiny", "tiny"]
    model = make(n_fine).fit(texts, coarse)
    page = report.write_report(model, tmp_path / "r.html").read_text("utf-8")
    assert Page(page).shown.count("as asked") == times


def test_a_loaded_model_has_no_report(make, table, tmp_path):
    make(4).fit(*table).save(tmp_path / "model")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    with pytest.raises(ValueError, match="loaded from disk"):
        report.write_report(loaded, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
    for finding in (warnings, suspicious, repeated):
        with pytest.raises(ValueError, match="loaded from disk"):
            finding(loaded)
    assert numbers(loaded)["rows"].sum() == 100


def test_names_on_the_map_do_not_overlap(make, table):
    model = make(12).fit(*table)
    places = np.random.default_rng(0).uniform(0, 300, size=(100, 2))
    placed = report._placed_names(places, model.fitted_table(), model.categories())
    assert 1 < len(placed) < 12
    for i, one in enumerate(placed):
        for other in placed[:i]:
            apart = abs(one["x"] - other["x"]) > one["half"] + other["half"] - 0.2
            assert apart or abs(one["y"] - other["y"]) > 15.8


def test_findings(make, table):
    texts, coarse = table
    model = make({"animal": 2}).fit([*texts, None, "rose!", "rose!"], [*coarse, *["plant"] * 3])
    rows = numbers(model).set_index("parent")
    assert rows.loc["animal", ["taken", "low", "high"]].tolist() == [2, 2, 2]
    assert rows.loc["plant", "low"] <= rows.loc["plant", "taken"] <= rows.loc["plant", "high"]
    assert rows["rows"].sum() == 102
    assert any("hold no text" in sentence for sentence in warnings(model))
    assert repeated(model)["times"].min() >= 2
