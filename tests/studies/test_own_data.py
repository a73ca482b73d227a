"""Notebook 12 measured from outside."""

import json

import pandas as pd
import pytest

from dnalib.studies import own_data

WRITTEN = {
    "embeddings + k-means, told there are 3": (40.0, 20.0, 50.0),
    "this notebook, found 4": (45.0, 26.0, 51.0),
    "difference": (5.0, 6.0, 1.0),
}


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """What was executed; the notebook itself is played by this function."""
    calls = []

    def execute(dataset, seed):
        calls.append((dataset, seed))
        folder = own_data.folder_of(dataset, seed)
        folder.mkdir(parents=True)
        pd.DataFrame(WRITTEN, index=["ACC", "ARI", "NMI"]).T.to_csv(folder / "scores.csv")
        metrics = {"n_rows": 99, "n_true": 3, "n_categories": 4, "baseline_acc": 40.0}
        (folder / "metrics.json").write_text(json.dumps(metrics))

    monkeypatch.setattr(own_data, "ROOT", tmp_path)
    monkeypatch.setattr(own_data, "execute", execute)
    return calls


def test_rows_are_what_the_notebook_wrote(executed, tmp_path):
    rows = list(own_data.STUDY.run(["hwu64"], own_data.METHODS, [1], tmp_path / "table.csv"))
    assert executed == [("hwu64", 1)]
    table = own_data.STUDY.read(tmp_path / "table.csv").set_index("method")
    assert table.loc["embeddings", ["acc", "ari", "nmi"]].tolist() == [40, 20, 50]
    assert table.loc["notebook", ["acc", "ari", "nmi"]].tolist() == [45, 26, 51]
    assert table["categories"].to_dict() == {"embeddings": 3, "notebook": 4}
    assert (table["rows"] == 99).all() and len(rows) == 2
    assert table["seconds"].notna().to_dict() == {"embeddings": False, "notebook": True}


def test_each_dataset_and_seed_has_a_folder_of_its_own():
    folders = {own_data.folder_of(name, seed) for name in ("", "hwu64") for seed in (0, 1)}
    assert len(folders) == 4
