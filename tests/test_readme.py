"""README's tables are what the result files say, to the letter.

When they are not: ``python -m dnalib benchmark --tables README.md``; of the notebooks' times,
``python -m dnalib refresh``.
"""

import json
import re
from pathlib import Path

import pandas as pd

from dnalib.benchmark import (
    ResultStore,
    neighbors_markdown,
    own_data_markdown,
    results_markdown,
    summarize,
)

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
RESULTS = ROOT / "results"


def test_the_results_table_is_that_of_the_stored_runs():
    table = summarize(ResultStore(RESULTS / "runs.jsonl").records())
    published = pd.read_csv(RESULTS / "published.csv")
    assert f"<!-- results -->\n{results_markdown(table, published)}\n<!-- end" in README
    pd.testing.assert_frame_equal(table, pd.read_csv(RESULTS / "table.csv"))


def test_the_neighbor_table_is_that_of_its_file():
    table = neighbors_markdown(pd.read_csv(RESULTS / "neighbors.csv"))
    assert f"<!-- neighbors -->\n{table}\n<!-- end" in README


def test_the_table_of_own_data_is_that_of_its_file():
    table = own_data_markdown(pd.read_csv(RESULTS / "own_data.csv"))
    assert f"<!-- own data -->\n{table}\n<!-- end" in README


def test_own_data_gain_at_least_what_dna_gains_in_the_results_table():
    table = pd.read_csv(RESULTS / "table.csv").set_index(["dataset", "method"])["acc"]
    own = pd.read_csv(RESULTS / "own_data.csv").groupby(["dataset", "method"])["acc"].mean()
    for dataset in ("pydocs", "hwu64", "clinc150"):
        gain = own[dataset, "notebook"] - own[dataset, "embeddings"]
        assert gain >= table[dataset, "dna"] - table[dataset, "embeddings"], dataset


def test_what_readme_says_of_dna_with_16_epochs_is_what_is_stored():
    records = ResultStore(RESULTS / "variations" / "runs.jsonl").records()
    said = []
    for dataset in ("clinc150", "hwu64"):
        runs = [r for r in records if (r["dataset"], r["method"]) == (dataset, "dna")]
        acc = pd.Series([r["acc"] for r in runs if r["config"]["epochs"] == 16])
        said.append(f"{dataset.upper()} {acc.mean():.1f} ± {acc.std():.1f}")
    assert f"({said[0]} ACC, {said[1]})" in " ".join(README.split())


def test_what_readme_says_of_less_than_dna_plus_is_what_is_stored():
    records = ResultStore(RESULTS / "variations" / "runs.jsonl").records()

    def mean_of_three(*wanted):
        found = [
            r["acc"]
            for r in records
            if (r["dataset"], r["method"], r["config"]["epochs"]) == wanted
        ]
        assert len(found) == 3
        return f"{sum(found) / 3:.1f}"

    without, half = (
        [mean_of_three(dataset, method, epochs) for dataset in ("hwu64", "clinc150")]
        for method, epochs in (("dna-ranked", 16), ("dna-plus", 8))
    )
    said = " ".join(README.split())
    assert f"HWU64 reads {without[0]} and CLINC150 {without[1]} ACC" in said
    assert f"in half of them, {half[0]} and {half[1]}" in said
    assert f"({mean_of_three('pydocs', 'dna-ranked', 16)} without; three seeds each" in said


def test_dna_plus_is_first_and_on_both_benchmarks_above_the_published_down():
    table = pd.read_csv(RESULTS / "table.csv")
    published = pd.read_csv(RESULTS / "published.csv").set_index(["dataset", "method"])
    best = table.sort_values("acc").groupby("dataset").last()
    for dataset in ("clinc150", "hwu64", "pydocs"):
        assert best.loc[dataset, "method"] == "dna-plus"
    for dataset in ("clinc150", "hwu64"):
        for score in ("acc", "ari", "nmi"):
            ours, theirs = best.loc[dataset, score], published.loc[(dataset, "DOWN"), score]
            assert ours > theirs, (dataset, score)


def test_dna_stands_above_the_published_dna_on_both_benchmarks():
    ours = pd.read_csv(RESULTS / "table.csv").set_index(["dataset", "method"])
    published = pd.read_csv(RESULTS / "published.csv").set_index(["dataset", "method"])
    for dataset in ("clinc150", "hwu64"):
        for score in ("acc", "ari", "nmi"):
            row = ours.loc[(dataset, "dna")]
            assert row[score] > published.loc[(dataset, "DNA"), score], (dataset, score)
            assert row["cpu_seconds"] <= 600


def test_every_notebook_is_in_the_notebook_table_with_the_seconds_that_were_measured():
    readings = json.loads((RESULTS / "quick.json").read_text("utf-8"))
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        rows = re.findall(rf"^\| \[.*\(notebooks/{notebook.name}\).*$", README, re.MULTILINE)
        assert len(rows) == 1
        assert rows[0].endswith(f"| {readings[notebook.stem]['seconds']:.0f} s |")
