"""A plan names every run; a mistake in it is told before the first one starts."""

import json
from pathlib import Path

import pytest

from dnalib import benchmark
from dnalib.benchmark import Cell, ResultStore, hardware_of
from dnalib.benchmark.plan import read_plan

RESULTS = Path(__file__).parents[1] / "results"
GRID = """
[[grid]]
datasets = ["digits"]
methods = ["embeddings"]
seeds = [0, 1]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_cells_with_the_same_settings_and_store_are_one_grid(tmp_path):
    text = GRID + GRID.replace("[0, 1]", "[5]\nmax_length = 9") + GRID + 'folder = "others"\n'
    text += GRID + "settings = [{ k = 3 }, { k = 4, m = 1 }, {}]\n"
    first, others, *changed = read_plan(write(tmp_path, text))
    cells = [Cell("digits", "embeddings", seed) for seed in (0, 1)]
    assert first.cells == [*cells, Cell("digits", "embeddings", 5, max_length=9), *cells]
    assert (first.folder, first.settings, str(first)) == (".", {}, "embeddings on digits")
    assert (others.folder, others.cells) == ("others", cells)
    assert [grid.settings for grid in changed] == [{"k": 3}, {"k": 4, "m": 1}]
    assert str(changed[1]) == "embeddings on digits k=4 m=1"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("grid = ", "is not TOML: "),
        ("", "has no [[grid]]: add one with datasets, methods and seeds"),
        ("grid = 3", "has no [[grid]]"),
        ("[[grid]]\nseeds = [0]", "has the fields seeds: expected datasets, methods, seeds and"),
        (GRID + "seed = 1", "has the fields datasets, methods, seeds, seed: expected"),
        (GRID.replace("[0, 1]", "3"), "is 3: expected a list of int"),
        (GRID.replace("[0, 1]", "[true]"), "is [True]: expected a list of int"),
        (GRID + "settings = [3]", "is [3]: expected a list of dict"),
        (GRID + "folder = 3", "is 3: expected str"),
        ("grid = []", "has no [[grid]]"),
        (GRID.replace("[0, 1]", "[]"), "seeds of grid 1 of"),
        (GRID + "settings = []", "is empty: expected at least one; or leave it out"),
        (GRID.replace("[0, 1]", "[3, -1]"), "hold -1: expected 0 or more"),
        (GRID + "max_length = 0", "is 0: expected 1 or more"),
        (GRID + 'folder = "../x"', "is '../x': expected one below the results"),
        (GRID + GRID.replace("digits", "digit"), "there is no dataset 'digit'"),
        (GRID + GRID.replace("embeddings", "dnaa"), "method 'dnaa' is unknown"),
        (GRID + GRID + "settings = [{ kk = 1 }]", "setting 'kk' is unknown"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_sentence_and_nothing_is_run(
    tmp_path, capsys, text, sentence
):
    arguments = ["--plan", str(write(tmp_path, text)), "--results", str(tmp_path / "results")]
    assert benchmark.main(arguments) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err and printed.err.count("\n") == 1
    assert printed.out == "" and not (tmp_path / "results").exists()


def test_a_plan_that_cannot_be_read_is_refused(tmp_path, capsys):
    assert benchmark.main(["--plan", str(tmp_path)]) == 2
    assert "cannot be read (Is a directory): give the path" in capsys.readouterr().err


def test_options_that_say_what_is_run_are_refused_beside_a_plan(tmp_path, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--plan", str(write(tmp_path, GRID)), "--seeds", "1", "--epochs", "3"])
    assert "--plan says what is run; leave out seeds, epochs" in capsys.readouterr().err


def test_a_plan_is_run_and_every_result_goes_where_it_says(tmp_path, capsys):
    text = GRID.replace("[0, 1]", "[0]") + GRID + 'folder = "others"\nsettings = [{ k = 3 }]\n'
    arguments = ["--plan", str(write(tmp_path, text)), "--results", str(tmp_path), "--jobs", "2"]
    assert benchmark.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "grid 1 of 2: embeddings on digits\n0 of 1 cells are up to date" in printed
    assert "grid 2 of 2: embeddings on digits k=3\n0 of 2 cells are up to date" in printed
    assert [r["seed"] for r in ResultStore(tmp_path / "runs.jsonl").records()] == [0]
    others = ResultStore(tmp_path / "others" / "runs.jsonl").records()
    assert sorted((r["seed"], r["config"]["k"]) for r in others) == [(0, 3), (1, 3)]
    assert benchmark.main(arguments) == 0
    assert capsys.readouterr().out.count("2 of 2 cells are up to date") == 1


@pytest.mark.parametrize("folder", [".", "variations", "again"])
def test_every_stored_run_is_one_that_the_projects_plan_asks_for(folder):
    grids = [grid for grid in read_plan(RESULTS / "plan.toml") if grid.folder == folder]
    for record in ResultStore(RESULTS / folder / "runs.jsonl").records():
        ran = (record["dataset"], record["method"], record["seed"], record["max_length"])
        assert any(
            ran in {(c.dataset, c.method, c.seed, c.max_length) for c in grid.cells}
            and grid.settings.items() <= record["config"].items()
            for grid in grids
        ), json.dumps([ran, record["config"]])


def test_what_was_run_again_was_run_on_hardware_of_another_kind():
    first = {record["key"]: record for record in ResultStore(RESULTS / "runs.jsonl").records()}
    again = ResultStore(RESULTS / "again" / "runs.jsonl").records()
    assert len(again) >= 10
    for record in again:
        both = {hardware_of(record) == "GPU", hardware_of(first[record["key"]]) == "GPU"}
        assert both == {True, False}, (record["dataset"], record["method"], record["seed"])
