"""The grid loses nothing and doubles nothing, whoever is killed; its cells keep to their limits."""

import io
import json
import os
import signal
import subprocess
import sys
from multiprocessing import get_context

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib import environment
from dnalib.benchmark import Apart, Cell, CellFailed, ResultStore, main, run_grid
from dnalib.benchmark.grid import resolve
from dnalib.benchmark.progress import Progress
from dnalib.running.processes import Limits
from tests.waiting import wait_until

CELL = Cell("digits", "embeddings", 0)
GRID = ["--datasets", "digits", "--methods", "embeddings", "--seeds", "0", "1", "2"]


def append_many(path, writer):
    store = ResultStore(path)
    for number in range(40):
        store.append({"key": f"shared {number}", "writer": writer, "padding": "x" * 5000})
        store.append({"key": f"{writer} {number}", "writer": writer})


def test_many_writers_one_of_them_killed_keep_every_line_whole_and_once(tmp_path):
    path = tmp_path / "runs.jsonl"
    fork = get_context("fork")
    writers = [fork.Process(target=append_many, args=(path, name)) for name in "abcd"]
    for writer in writers:
        writer.start()
    wait_until(lambda: path.exists() and path.read_text().count("\n") > 10)
    writers[0].kill()
    for writer in writers:
        writer.join(60)
    records = ResultStore(path).records()
    keys = [record["key"] for record in records]
    assert len(keys) == len(set(keys))
    expected = {f"{name} {n}" for name in "bcd" for n in range(40)}
    assert expected | {f"shared {n}" for n in range(40)} <= set(keys)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(seconds=0.5), "timed out: it ran longer than 0.5 s"),
        (Limits(memory_gib=0.05), "out of memory: it held more than the limit of 0.05 GiB"),
    ],
)
def test_a_cell_that_oversteps_its_limits_is_killed_and_gives_no_line(tmp_path, limits, sentence):
    store = ResultStore(tmp_path / "runs.jsonl")
    failures = run_grid([CELL], store, measure=Apart(limits, 1))
    assert {cell: str(failure) for cell, failure in failures.items()} == {CELL: sentence}
    assert store.records() == []


def test_an_error_in_a_cell_comes_back_as_its_sentence_with_all_that_was_printed():
    with pytest.raises(CellFailed) as failed:
        Apart(threads=1)(Cell("digits", "dna", 0), {"k": 10**6})
    assert str(failed.value).startswith("failed: ValueError: k is 1000000 but there are ")
    assert "Traceback" in failed.value.log


def start(folder, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "dnalib", "benchmark", *GRID, "--results", str(folder)]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def children(pid: int) -> list[psutil.Process]:
    """Return the processes under `pid` that measure a cell."""
    under = psutil.Process(pid).children(recursive=True)
    return [child for child in under if "dnalib.benchmark.child" in child.cmdline()]


def seeds(folder) -> list[int]:
    """Return the seeds of the stored cells; a seed that is there twice is there twice."""
    return sorted(record["seed"] for record in ResultStore(folder / "runs.jsonl").records())


def test_a_grid_that_is_killed_goes_on_where_it_stopped(tmp_path):
    grid = start(tmp_path)
    wait_until(lambda: len(seeds(tmp_path)) == 1)
    wait_until(lambda: children(grid.pid))
    running = children(grid.pid)
    grid.kill()
    grid.communicate()
    assert psutil.wait_procs(running, timeout=10)[1] == []

    again = start(tmp_path, "--jobs", "2")
    printed, errors = again.communicate(timeout=120)
    assert (again.returncode, errors) == (0, "")
    assert "1 of 3 cells are up to date" in printed and "; none left" in printed
    assert seeds(tmp_path) == [0, 1, 2]
    assert "| digits | **Embeddings + k-means, ours** |" in printed


def test_an_interrupted_grid_ends_its_cells_first(tmp_path):
    grid = start(tmp_path, "--jobs", "2")
    wait_until(lambda: len(children(grid.pid)) == 2)
    running = children(grid.pid)
    grid.send_signal(signal.SIGTERM)
    _, errors = grid.communicate(timeout=15)
    assert (grid.returncode, errors) == (143, "")
    assert not any(child.is_running() for child in running)
    assert seeds(tmp_path) == []


def test_a_worker_of_a_cluster_killed_in_mid_run_loses_nothing_and_doubles_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(host="127.0.0.1", **options) as cluster:
        grid = start(tmp_path, "--executor", "dask", "--scheduler", cluster.scheduler_address)
        wait_until(lambda: len(children(os.getpid())) == 2)
        victim, _ = children(os.getpid())
        os.kill(victim.ppid(), signal.SIGKILL)
        assert psutil.wait_procs([victim], timeout=10)[1] == []  # its cell went with it
        assert seeds(tmp_path) == []
        printed, errors = grid.communicate(timeout=180)
    assert (grid.returncode, errors) == (0, ""), printed
    assert seeds(tmp_path) == [0, 1, 2]
    assert printed.count(": acc ") == 3


def test_a_failed_cell_is_named_and_what_it_printed_is_kept(tmp_path, capsys):
    arguments = ["--datasets", "digits", "--methods", "dna", "--seeds", "0", "--results"]
    code = main([*arguments, str(tmp_path), "--memory-limit", "0.05"])
    assert code == 1
    error = capsys.readouterr().err
    assert error.startswith("benchmark: digits dna seed 0: out of memory: it held more than")
    assert error.count("\n") == 1
    assert not (tmp_path / "runs.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--epochs", "0"], "benchmark: argument --epochs: got '0'; expected a whole number"),
        (["-s", "epochs"], "benchmark: -s got 'epochs'; expected NAME=VALUE"),
        (["-s", "epoch=1"], "benchmark: setting 'epoch' is unknown: expected one of epochs,"),
        (["-s", "epochs=one"], "benchmark: epochs is 'one': expected a whole number, 1 or more"),
        (["-s", "compat=own"], "benchmark: compat is 'own': expected True, False or 'self'"),
        (["-s", "clip=inf"], "benchmark: clip is inf: expected a number above 0"),
        (["-s", "filters=label"], "benchmark: filters is 'label': expected a list with some of"),
        (["--scheduler", "tcp://x:1"], "benchmark: --executor dask and --scheduler ADDRESS go"),
        (["--seeds", "-1"], "benchmark: argument --seeds: got '-1'; expected a whole number, 0 to"),
        (["--time-limit", "-1"], "benchmark: argument --time-limit: got '-1'; expected a number"),
        (["--tables", "no.md"], "benchmark: {folder}/runs.jsonl holds no results: run the grid"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(tmp_path, capsys, arguments, sentence):
    try:
        code = main(["--datasets", "digits", "--results", str(tmp_path), *arguments])
    except SystemExit as stopped:
        code = stopped.code
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith(sentence.replace("{folder}", str(tmp_path)))
    assert error.count("\n") == 1
    assert not (tmp_path / "runs.jsonl").exists()


def record(cell: Cell, seconds: float, epochs: int) -> dict:
    known = {"dataset": cell.dataset, "method": cell.method, "encoder": cell.encoder}
    used = ["a GPU"] if torch.cuda.is_available() else []
    made_on = {"arithmetic": environment.arithmetic(), "gpus": used}
    return known | {"seconds": seconds, "config": {"epochs": epochs}, "environment": made_on}


def test_the_time_left_is_that_of_like_cells_by_their_epochs():
    cells = [Cell("a", "dna", seed) for seed in range(4)]
    waiting = [(cell, 8) for cell in cells]
    progress = Progress(5, waiting, [record(cells[0], 50, 1), record(cells[0], 200, 16)], jobs=2)
    assert progress.left() == "4 left, about 3 min"  # 4 cells of 8 epochs of 12.5 s, two at a time
    unknown = [(Cell("b", "dna", 0), 8)]
    progress = Progress(5, waiting + unknown, [record(cells[0], 4, 1)], jobs=1)
    assert progress.left() == "5 left, at least 2 min"
    assert Progress(1, unknown, [], jobs=1).left() == "1 left"


@pytest.mark.parametrize("made_on", [{"arithmetic": "another"}, {"gpus": ["a GPU"]}])
def test_runs_on_other_hardware_tell_nothing_about_the_time(monkeypatch, made_on):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cell = Cell("a", "dna", 0)
    elsewhere = record(cell, 50, 1) | {"environment": made_on}
    assert Progress(1, [(cell, 8)], [elsewhere], jobs=1).left() == "1 left"


def test_a_cell_that_another_grid_has_run_is_waited_for_no_more(tmp_path, capsys):
    cells = [Cell("digits", "embeddings", seed) for seed in range(3)]
    store = ResultStore(tmp_path / "runs.jsonl")

    def measure(cell, settings):
        if cell == cells[0]:  # while it runs, another grid does the next one
            others = resolve(cells, {})[1]
            store.append(record(cells[1], 1, 1) | {"key": others.key})
        return record(cell, 1, 1) | {"acc": 1.0, "ari": 1.0, "nmi": 1.0}

    assert run_grid(cells, store, measure=measure) == {}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert [line.partition(":")[0] for line in lines] == [
        f"[{place}/3] {cells[place - 1]}" for place in (1, 1, 3, 3)
    ]
    assert lines[-1].endswith("; none left")


def test_a_grid_to_which_nobody_listens_runs_all_its_cells(tmp_path, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    cells = [Cell("digits", "embeddings", seed) for seed in range(2)]
    store = ResultStore(tmp_path / "runs.jsonl")
    monkeypatch.setattr(sys, "stdout", Closed())
    scores = {"acc": 1.0, "ari": 1.0, "nmi": 1.0}
    run_grid(cells, store, measure=lambda cell, settings: record(cell, 1, 1) | scores)
    assert len(store.keys()) == 2


def test_a_cell_that_takes_longer_than_foreseen_is_told_of():
    cells = [Cell("a", "dna", seed) for seed in range(2)]
    progress = Progress(2, [(cell, 1) for cell in cells], [record(cells[0], 100, 1)], jobs=1)
    progress.start(cells[0])
    assert progress.left() == "2 left, about 3 min"
    progress._started[cells[0]] -= 101
    assert progress.left() == "2 left, at least 2 min"


def test_a_finished_cell_tells_how_long_its_like_will_take(capsys):
    cells = [Cell("a", "dna", seed) for seed in range(2)]
    progress = Progress(2, [(cell, 1) for cell in cells], [record(cells[0], 999, 1)], jobs=1)
    progress.start(cells[0])
    progress.end(cells[0], "acc 1.0", done=True)
    assert progress.left() == "1 left, about 0 s"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[1/2] a dna seed 0: started at ")
    assert lines[1] == "[1/2] a dna seed 0: acc 1.0 in 0 s; 1 left, about 0 s"


@given(
    name=st.sampled_from(["epochs", "k", "filters", "view", "compat", "clip", "momentum", "m"]),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=5), max_size=2),
)
def test_a_setting_is_taken_or_refused_in_one_sentence(name, value):
    from dnalib.training import TrainingConfig

    try:
        config = TrainingConfig(**{name: value})
    except ValueError as error:
        assert str(error).startswith(f"{name} is ") and len(str(error).splitlines()) == 1
    else:
        json.dumps(config.to_dict(), allow_nan=False)


def test_settings_from_numpy_are_taken_as_plain_numbers():
    from dnalib.training import TrainingConfig

    config = TrainingConfig(k=np.int64(5), learning_rate=np.float32(0.5))
    assert config == TrainingConfig(k=5, learning_rate=0.5)
    assert json.loads(json.dumps(config.to_dict()))["k"] == 5
