"""The grid's store survives kills, resumes, and its table is the mean of its lines."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dnalib import benchmark, datasets, environment
from dnalib.benchmark import (
    Cell,
    CellFailed,
    ResultStore,
    command,
    grid,
    hardware_of,
    key_of,
    main_runs,
    measure_cell,
    neighborhoods,
    run_grid,
    summarize,
)
from dnalib.benchmark.paper import PAPER
from dnalib.benchmark.plan import Planned
from dnalib.benchmark.tables import refresh
from dnalib.methods import get_method, resolve_config, run
from dnalib.training import TrainingConfig
from tests.helpers import make_texts, make_tiny_bert


@pytest.fixture
def tiny_grid(monkeypatch):
    """A grid over small texts whose runs are counted and cost nothing."""
    calls = []

    def fake_measure(cell, settings):
        calls.append(cell)
        config = resolve_config(get_method(cell.method), make_texts(20), settings)
        return {
            "dataset": cell.dataset, "method": cell.method, "seed": cell.seed,
            "encoder": cell.encoder, "trainable_layers": 2, "max_length": 64,
            "acc": 70.0 + cell.seed, "ari": 60.0, "nmi": 80.0,
            "seconds": 1.0, "cpu_seconds": 1.5, "peak_gib": 1.0,
            "config": config.to_dict(), "history": {"precision": [0.5, 0.75 + cell.seed / 100]},
            "environment": {"arithmetic": "bfloat16"},
        }  # fmt: skip

    monkeypatch.setattr(datasets, "load", lambda name: make_texts(20))
    monkeypatch.setattr(grid, "Apart", lambda **options: fake_measure)
    monkeypatch.setattr(command, "Apart", lambda *options: fake_measure)
    return calls


def test_a_second_run_of_the_grid_runs_only_what_is_missing(tmp_path, tiny_grid, capsys):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 0), Cell("topics", "dna", 1)], store)
    run_grid([Cell("topics", "dna", seed) for seed in range(3)], store)
    assert [cell.seed for cell in tiny_grid] == [0, 1, 2]
    assert "2 of 3 cells are up to date" in capsys.readouterr().out


def test_changed_settings_are_another_run(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 0)], store)
    run_grid([Cell("topics", "dna", 0)], store, epochs=3)
    assert len(store.keys()) == 2


def test_a_line_cut_off_by_a_kill_is_run_again_and_nothing_else_is_lost(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    cells = [Cell("topics", "dna", seed) for seed in range(2)]
    run_grid(cells, store)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-40])
    assert [record["seed"] for record in store.records()] == [0]
    run_grid(cells, store)
    assert store.path.read_bytes() == whole


def test_a_last_result_that_lacks_only_its_line_end_is_kept(tmp_path):
    store = ResultStore(tmp_path / "runs.jsonl")
    store.path.write_bytes(b'{"key": "a"}\n{"key": "b"}')
    assert not store.append({"key": "b"}) and store.append({"key": "c"})
    assert store.path.read_bytes() == b'{"key": "a"}\n{"key": "b"}\n{"key": "c"}\n'


def test_what_a_history_lacks_is_null_on_disk_and_nan_when_read(tmp_path):
    store = ResultStore(tmp_path / "runs.jsonl")
    store.path.write_text('{"key": "early", "history": {"precision": [NaN, 0.5]}}\n')
    lacking = {"precision": [math.nan, 0.5]}
    store.append({"key": "late", "config": {"k": None}, "history": lacking})
    assert '"precision": [null, 0.5]' in store.path.read_text().splitlines()[1]
    early, late = store.records()
    np.testing.assert_array_equal(early["history"]["precision"], lacking["precision"])
    np.testing.assert_array_equal(late["history"]["precision"], lacking["precision"])
    assert late["config"] == {"k": None}


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text('{"key": "a"}\n{"key": \n{"key": "b"}\n')
    with pytest.raises(ValueError, match="line 2 is not JSON: .*mend or remove that line"):
        ResultStore(path).records()


def test_the_table_is_the_mean_over_seeds_of_the_newest_settings(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 9)], store, epochs=1)
    run_grid([Cell("topics", "dna", seed) for seed in range(3)], store)
    (row,) = summarize(store.records()).to_dict("records")
    assert row["seeds"] == "0 1 2"
    assert (row["acc"], row["acc_sd"]) == (71.0, 1.0)
    assert (row["precision_first"], row["precision_last"]) == (50.0, 76.0)


def test_costs_are_of_runs_on_hardware_of_one_kind(tmp_path, tiny_grid):
    store, published = ResultStore(tmp_path / "runs.jsonl"), benchmark.read_published()
    run_grid([Cell("topics", "dna", seed) for seed in range(4)], store)
    old, new, slow, fast = store.records()
    old |= {"environment": {}, "cpu_seconds": 2.0}  # of before the arithmetic was recorded
    slow |= {"environment": {"arithmetic": "float32"}, "cpu_seconds": 9.0, "peak_gib": 8.0}
    fast |= {"environment": {"arithmetic": "bfloat16", "gpus": ["a GPU"]}, "cpu_seconds": 0.5}
    costs = benchmark.mean_costs([old, slow, new, fast])
    assert (costs["cpu_seconds"], costs["peak_gib"]) == (1.75, 1.0)
    assert costs["hardware"] == "CPU, bfloat16"
    assert summarize([old, slow, new])["acc"].item() == 71.0
    assert benchmark.mean_costs([fast, slow])["cpu_seconds"] == 9.0
    for runs, cells in ([slow, fast], "9 (float32) | 8.0 | 2"), ([fast], "0 (GPU) | 1.0 | 1"):
        assert f"| {cells} |" in benchmark.results_markdown(summarize(runs), published)


def test_one_seed_has_no_standard_deviation(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "embeddings", 0)], store)
    assert math.isnan(summarize(store.records())["acc_sd"].item())


def test_keys_tell_cells_and_settings_apart():
    cell = Cell("a", "dna", 0)
    keys = {key_of(cell, {}), key_of(Cell("a", "dna", 1), {}), key_of(cell, {"k": 3})}
    assert len(keys) == 3


def test_the_command_writes_its_tables_and_refuses_in_one_sentence(
    tmp_path, tiny_grid, capsys, monkeypatch
):
    folder = str(tmp_path)
    features = np.eye(20, dtype=np.float32)
    monkeypatch.setattr(neighborhoods, "untrained_features", lambda dataset, max_length: features)
    assert benchmark.main(["--methods", "embeddings", "--seeds", "0", "--results", folder]) == 0
    assert (tmp_path / "table.csv").read_text().startswith("dataset,method,encoder,seeds,acc")
    assert len((tmp_path / "neighbors.csv").read_text().splitlines()) == 1 + 8
    assert '"topics"' in (tmp_path / "labels.json").read_text()
    assert json.loads((tmp_path / "runs.jsonl").read_text())["method"] == "embeddings"
    assert benchmark.main(["--methods", "dnaa", "--results", folder]) == 2
    assert "method 'dnaa' is unknown" in capsys.readouterr().err


def test_a_grid_that_measures_meanwhile_keeps_its_neighbors(tmp_path, tiny_grid, monkeypatch):
    path = tmp_path / "neighbors.csv"

    def measure(dataset, max_length):  # the other grid is done before this one is
        pd.DataFrame({"dataset": ["other"], "filters": ["none"]}).to_csv(path, index=False)
        return pd.DataFrame({"dataset": ["topics"], "filters": ["none"]})

    monkeypatch.setattr(command, "measure_neighbors", measure)
    command._update_neighbors({"topics": 64}, path)
    assert pd.read_csv(path)["dataset"].tolist() == ["other", "topics"]


def test_failures_are_told_also_where_the_tables_cannot_be_made(
    tmp_path, tiny_grid, capsys, monkeypatch
):
    def measure(cell, settings):
        raise CellFailed("timed out", "all that it printed")

    def show(grids, results):
        raise ValueError("topics has too few texts")

    monkeypatch.setattr(command, "Apart", lambda *options: measure)
    monkeypatch.setattr(command, "_show", show)
    asked = ["--datasets", "topics", "--methods", "dna", "--seeds", "0", "--results", str(tmp_path)]
    assert benchmark.main(asked) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("benchmark: topics dna seed 0: timed out (all it printed: ")
    assert errors[1] == (
        "benchmark: the runs are stored, their tables could not be made: topics has too few texts"
    )


@pytest.mark.parametrize("line", ["{}", "42"])
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    path = tmp_path / "runs.jsonl"
    path.write_text(f'{{"key": "a"}}\n{line}\n')
    with pytest.raises(ValueError, match="line 2 is no result, which has a key: expected one"):
        ResultStore(path).records()


def test_cells_that_differ_have_names_that_differ():
    plain = Cell("digits", "dna", 0)
    others = [replace(plain, max_length=9), replace(plain, trainable_layers="all")]
    assert str(plain) == "digits dna seed 0"
    assert list(map(str, others)) == [
        "digits dna max_length=9 seed 0", "digits dna trainable_layers=all seed 0"
    ]  # fmt: skip


def test_a_damaged_store_is_refused_before_anything_is_run(tmp_path, tiny_grid, capsys):
    (tmp_path / "runs.jsonl").write_text('{"key": \n{"key": "b"}\n')
    assert benchmark.main(["--methods", "dna", "--results", str(tmp_path)]) == 2
    assert "line 1 is not JSON" in capsys.readouterr().err and tiny_grid == []


def test_a_stored_method_that_is_not_registered_here_has_its_row(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 0)], store)
    (stored,) = store.records()
    store.append(stored | {"method": "mine", "key": "another"})
    markdown = command._tables(tmp_path)["results"]
    assert "| **DNA, ours** |" in markdown and "| **mine, ours** |" in markdown


def test_filters_may_cost_precision():
    rows = pd.DataFrame(
        {
            "dataset": "a",
            "filters": ["none", "label+reciprocal"],
            "k": 5,
            "precision": [50.0, 49.0],
            "kept_share": [100.0, 40.0],
        }
    )
    assert "| 50.0 | 49.0 | -1.0 | 40 % |" in benchmark.neighbors_markdown(rows)


def test_neighbors_are_measured_for_every_combination_of_filters(monkeypatch):
    data = make_texts(40)
    onehot = np.eye(4, dtype=np.float32)[data.train.fine]
    monkeypatch.setattr(neighborhoods, "untrained_features", lambda dataset, max_length: onehot)
    table = benchmark.measure_neighbors(data, m=1).set_index("filters")
    assert len(table) == 8
    assert (table["k"] == 10).all()
    # Nine of the ten neighbors share the fine category; the tenth has another top coordinate.
    assert table.loc["none", "precision"] == 90
    assert table.loc["rank", "precision"] == 100
    assert table.loc["rank", "recall"] == 100


def test_a_measured_cell_holds_scores_cost_history_and_environment():
    record = measure_cell(Cell("digits", "dna", 0), {"epochs": 1})
    assert 0 < record["acc"] <= 100 and record["seconds"] > 0 and record["cpu_seconds"] > 0
    assert len(record["history"]["loss"]) == 1
    assert record["config"]["epochs"] == 1
    assert record["environment"]["torch"].startswith("2.")
    assert record["environment"]["arithmetic"] in ("bfloat16", "float32")
    assert hardware_of(record) == environment.computes_on()
    json.dumps(record)


def test_a_measured_cell_holds_what_other_questions_need():
    record = measure_cell(Cell("digits", "embeddings", 0), {})
    fine = datasets.load("digits").test.fine
    assert 100 * np.mean(np.array(record["predictions"]) == fine) == pytest.approx(record["acc"])
    assert len(record["kmeans_acc"]) == 4
    assert set(record["ward"]) == {"acc", "ari", "nmi"}
    assert set(record["inductive"]) == {"acc", "ari", "nmi"}
    assert set(record["counted"]) == {"n", "acc", "ari", "nmi"}
    assert 10 < record["counted"]["n"] < 20  # 16 communities in the pixels: results/n_fine.csv
    json.dumps(record["counted"])
    assert abs(record["inductive"]["acc"] - record["acc"]) < 20


def test_the_tables_of_a_document_are_made_anew_and_nothing_else_is_touched(tmp_path, tiny_grid):
    document = tmp_path / "README.md"
    document.write_text("Before.\n<!-- a -->\n| old |\n<!-- end of a -->\nAfter \\1.\n")
    refresh(document, {"a": "| \\1 |"})
    assert document.read_text() == "Before.\n<!-- a -->\n| \\1 |\n<!-- end of a -->\nAfter \\1.\n"
    with pytest.raises(ValueError, match="no one place for a table: expected <!-- b -->"):
        refresh(document, {"b": ""})


def test_another_encoder_has_a_row_of_its_own(tmp_path, tiny_grid):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 0), Cell("topics", "dna", 0, "bert")], store)
    table = summarize(store.records())
    assert sorted(table["encoder"]) == ["bert", "minilm"]
    markdown = benchmark.results_markdown(table, benchmark.read_published())
    assert "| **DNA, ours** |" in markdown and "| **DNA on bert, ours** |" in markdown


def test_neighbors_of_images_are_measured_as_well():
    table = neighborhoods.measure_neighbors(datasets.load("digits")).set_index("filters")
    assert 50 < table.loc["none", "precision"] < table.loc["label", "precision"] < 100


def test_the_stored_runs_are_found_again_by_their_keys():
    records = ResultStore(Path(__file__).parents[1] / "results" / "runs.jsonl").records()
    for record in records:
        cell = Cell(**{field.name: record[field.name] for field in fields(Cell)})
        assert key_of(cell, record["config"]) == record["key"]


def test_the_main_runs_are_of_the_settings_with_most_seeds_and_of_the_newest_among_equals(
    tmp_path, tiny_grid
):
    store = ResultStore(tmp_path / "runs.jsonl")
    run_grid([Cell("topics", "dna", 0), Cell("topics", "dna", 1)], store, epochs=1)
    run_grid([Cell("topics", "dna", 1), Cell("other", "dna", 0)], store)
    run_grid([Cell("topics", "dna", 0, "bert")], store)
    assert _epochs_and_seeds(store) == [(1, 0), (1, 1)]
    run_grid([Cell("topics", "dna", 0)], store)
    default = TrainingConfig().epochs
    assert _epochs_and_seeds(store) == [(default, 0), (default, 1)]
    table = summarize(store.records()).set_index(["dataset", "encoder"])
    assert table["seeds"].to_dict() == {
        ("topics", "minilm"): "0 1", ("other", "minilm"): "0", ("topics", "bert"): "0",
    }  # fmt: skip


def _epochs_and_seeds(store):
    runs = main_runs(store.records(), "topics")["dna"]
    return [(record["config"]["epochs"], record["seed"]) for record in runs]


def test_one_seed_has_no_spread_and_early_runs_have_no_inductive_score(tmp_path, tiny_grid):
    store, published = ResultStore(tmp_path / "runs.jsonl"), benchmark.read_published()
    run_grid([Cell("topics", "dna", seed) for seed in (0, 1)], store)
    run_grid([Cell("topics", "embeddings", 0)], store)
    markdown = benchmark.results_markdown(summarize(store.records()), published)
    assert "| 70.0 | 60.0 | 80.0 |  |  | 2 | 1.0 | 1 |" in markdown
    records = [
        record | {"inductive": {"acc": 80.0 + record["seed"], "ari": 1.0, "nmi": 2.0}}
        for record in store.records()
    ]
    some = [records[0], *store.records()[1:]]
    assert benchmark.results_markdown(summarize(some), published).count(" |  | 2 |") == 2
    markdown = benchmark.results_markdown(summarize(records), published)
    assert "| 70.5 ± 0.7 | 60.0 ± 0.0 | 80.0 ± 0.0 |  | 80.5 ± 0.7 | 2 | 1.0 | 2 |" in markdown


def test_the_paper_has_a_grid_of_its_own_for_every_dataset(
    tmp_path, tiny_grid, monkeypatch, capsys
):
    asked = []
    # k suits no tiny set
    monkeypatch.setattr(command, "resolve", lambda cells, settings, load: (cells, settings))
    monkeypatch.setattr(
        command, "run_entries", lambda entries, store, **rest: asked.append(entries) or {}
    )
    common = ["--paper", "--methods", "dna", "--seeds", "0", "--results", str(tmp_path)]
    assert benchmark.main([*common, "--datasets", "hwu64", "clinc150", "-s", "m=4"]) == 0
    (first, settings), (second, others) = asked
    assert first == [Cell("hwu64", "dna", 0, "bert-base-uncased", "all", 10)]
    assert second == [Cell("clinc150", "dna", 0, "bert-base-uncased", "all", 30)]
    assert (settings["k"], settings["m"], others["k"]) == (120, 4, 120)
    assert benchmark.main([*common, "--datasets", "pydocs"]) == 2
    assert "expected one of clinc150, wos, hwu64" in capsys.readouterr().err


def papers(method, *options, dataset="clinc150"):
    """Return the settings that ``--paper`` trains a method with."""
    asked = command._parse(["--paper", "--datasets", dataset, "--methods", method, *options])
    (planned,) = command._grids(asked)
    return resolve_config(get_method(method), make_texts(400), planned.settings)


def test_a_dataset_is_loaded_once_for_all_grids(tiny_grid, monkeypatch):
    loaded, load = [], datasets.load
    monkeypatch.setattr(datasets, "load", lambda name: loaded.append(name) or load(name))
    cells = [Cell(name, "dna", 0) for name in "ab"]
    grids = [Planned(cells, {"epochs": epochs}) for epochs in (1, 2)]
    configs = [[entry.config.epochs for entry in entries] for entries in command._resolve(grids)]
    assert configs == [[1, 1], [2, 2]] and loaded == ["a", "b"]


def test_a_methods_own_settings_win_over_the_papers_and_the_command_line_over_both():
    dna, idfd, simcse = (papers(method) for method in ("dna", "idfd", "simcse"))
    assert (dna.temperature, dna.momentum, dna.view) == (0.07, 0.99, "replace")
    assert (simcse.temperature, simcse.view, simcse.learning_rate) == (0.05, "none", 5e-5)
    assert (idfd.temperature, idfd.view, idfd.view_rate) == (1.0, "replace", 0.25)
    assert papers("down").filters == () and papers("dna-plus").epochs == 30
    assert papers("idfd", "-s", "temperature=0.5").temperature == 0.5
    assert papers("down", "--epochs", "12").epochs == 12


def test_what_does_not_pretrain_has_the_papers_epochs_without_it():
    assert [papers(method).pretrain_epochs for method in ("dna", "star", "dna-hier")] == [10] * 3
    assert [papers(method).pretrain_epochs for method in ("coarse-ce", "proxy-anchor")] == [0] * 2


def test_the_paper_has_no_settings_for_what_needs_stored_states(tmp_path, capsys):
    arguments = ["--paper", "--datasets", "clinc150", "--methods", "dna", "wscl", "--results"]
    assert benchmark.main([*arguments, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("benchmark: --paper was asked for 'wscl', which needs the stored")
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_the_papers_settings_train_a_tiny_bert(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    bert = str(make_tiny_bert(tmp_path / "bert"))
    settings = PAPER["clinc150"].settings(get_method("dna")) | {
        "epochs": 3, "pretrain_epochs": 1, "batch_size": 8, "k": 5, "m": 1,
    }  # fmt: skip
    result = run(
        make_texts(40), "dna", encoder=bert, trainable_layers="all", max_length=30, **settings
    )
    assert result.encoder.pooling == "cls" and result.encoder.trains_embeddings
    assert result.history["loss_dna"].isna().tolist() == [True, False, False]
    assert np.isfinite(result.test_features).all()
