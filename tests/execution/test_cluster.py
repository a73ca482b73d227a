"""Notebooks on a dask cluster of two worker processes, one of which is killed in mid-run."""

import json
import math
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from dnalib import environment
from dnalib.execution import ingredients, modules
from dnalib.execution.jobs import Job
from dnalib.execution.notebooks import discover
from dnalib.execution.remote import _differences
from dnalib.running.cluster import Cluster, Lost
from tests.execution.conftest import METRICS, run
from tests.execution.test_faults import start, wait_until

LEAVE_A_TRACE = """
import os, time
from pathlib import Path
name = f"{time.time_ns()} {os.getppid()} {mark}"
Path("traces", name).touch()
while not Path("go on").exists():
    time.sleep(0.1)
"""
MARKED = "seed = 0\nmark = 'x'\noutput_dir = '../out'"


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers, each a process of its own with one thread."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def traced(project):
    """Three notebooks that write down when they are started, and end when they are told to."""
    (project.notebooks / "traces").mkdir()
    for number in range(3):
        parameters = MARKED.replace("x", str(number))
        project.notebook(f"0{number}_traced", METRICS, LEAVE_A_TRACE, parameters=parameters)
    return project


def traces(project) -> list[list[str]]:
    """Return (time, process of the worker's child, mark) of every start, in order."""
    return sorted(path.name.split() for path in (project.notebooks / "traces").iterdir())


def worker_of(child: str) -> int:
    """Return the dask worker above a notebook's process."""
    status = open(f"/proc/{child}/status").read()
    return int(status.split("PPid:")[1].split()[0])


def test_a_worker_killed_in_mid_run_loses_nothing_and_doubles_nothing(traced, address):
    runner = start(traced, "--executor", "dask", "--scheduler", address)
    wait_until(lambda: len(traces(traced)) == 2)
    _, child, victim = traces(traced)[0]
    os.kill(worker_of(child), signal.SIGKILL)
    wait_until(lambda: victim in [mark for _, _, mark in traces(traced)[2:]])
    wait_until(lambda: not os.path.exists(f"/proc/{child}"))  # its notebook went with it
    (traced.notebooks / "go on").touch()
    printed, errors = runner.communicate(timeout=180)
    assert (runner.returncode, errors) == (0, ""), printed

    starts = [mark for _, _, mark in traces(traced)]
    assert sorted(starts) == sorted(["0", "1", "2", victim])  # the killed one twice, for real
    manifest = traced.manifest()
    assert {name: entry["outcome"] for name, entry in manifest.items()} == {
        f"0{number}_traced": "done" for number in range(3)
    }
    assert all(printed.count(f"{name}: done in ") == 1 for name in manifest)
    assert all(entry["worker"].startswith("tcp://127.0.0.1:") for entry in manifest.values())
    output = traced.root / "outputs" / "quick"
    for name in manifest:
        assert json.loads((output / name / "metrics.json").read_text()) == {"seed": 0}
        assert (output / "html" / f"{name}.html").exists()
    assert run(traced, "--dry-run")[1].count("up to date") == 3  # as if it had been run here


def test_an_interrupt_ends_what_the_workers_do(traced, address):
    runner = start(traced, "--executor", "dask", "--scheduler", address)
    wait_until(lambda: len(traces(traced)) == 2)
    runner.send_signal(signal.SIGTERM)
    printed, errors = runner.communicate(timeout=15)
    assert (runner.returncode, errors) == (143, "")
    assert printed.count(": interrupted in ") == 2 and "02_traced  not run" in printed
    children = [child for _, child, _ in traces(traced)]
    wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), 5)


def test_a_runner_that_is_killed_ends_what_the_workers_do(traced, address):
    runner = start(traced, "--executor", "dask", "--scheduler", address)
    wait_until(lambda: len(traces(traced)) == 2)
    runner.kill()
    runner.communicate()
    children = [child for _, child, _ in traces(traced)]
    wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), 10)
    (traced.notebooks / "go on").touch()
    code, printed = run(traced, "--executor", "dask", "--scheduler", address)
    assert code == 0 and printed.count("(last run did not end)") == 2


def test_every_ending_is_told_apart_there_too(project, address):
    project.notebook("00_raises", METRICS, "raise ValueError('no good')")
    project.notebook("01_killed", "import os\nos.kill(os.getpid(), 9)")
    project.notebook("02_hangs", "import time\ntime.sleep(100)")
    limits = ("--cell-timeout", "3")
    assert run(project, "--executor", "dask", "--scheduler", address, *limits)[0] == 5
    endings = {n: (e["outcome"], e["detail"]) for n, e in project.manifest().items()}
    assert endings == {
        "00_raises": ("failed", "cell 4: ValueError: no good"),
        "01_killed": ("kernel died", "in cell 3, by SIGKILL"),
        "02_hangs": ("timed out (cell)", "cell 3 ran longer than 3 s"),
    }
    failed = project.root / "outputs/quick/executed/00_raises.failed.ipynb"
    assert "no good" in failed.read_text()


def test_a_worker_with_another_library_is_refused(project, address, monkeypatch):
    project.notebook("00_good", METRICS)
    monkeypatch.setattr(modules, "used", lambda notebook: {"dnalib.outputs": "another"})
    assert run(project, "--executor", "dask", "--scheduler", address)[0] == 1
    detail = project.manifest()["00_good"]["detail"]
    assert detail.startswith("worker tcp://127.0.0.1:")
    assert "is not like this machine: dnalib changed" in detail
    assert not (project.root / "outputs/quick/00_good").exists()


def test_data_downloaded_meanwhile_is_no_difference_and_changed_data_is(project, monkeypatch):
    monkeypatch.setenv("DNALIB_DATA", str(project.root / "data"))
    project.notebook("00_good", METRICS, parameters="dataset = 'wos'\noutput_dir = '../out'")
    (planned,) = discover(project.notebooks)
    job = Job(planned, {}, project.root / "outputs", 9, 9, math.inf, 1)
    requirements = project.root / "requirements.txt"
    expected = ingredients.of(job, environment.versions(requirements))
    file = project.root / "data" / "wos" / "train.tsv"
    file.parent.mkdir(parents=True)
    file.write_text("text\tlabel")  # as another notebook has it downloaded
    assert _differences(job, expected, requirements) == []
    expected = ingredients.of(job, environment.versions(requirements))
    file.write_text("text\tlabels")
    assert _differences(job, expected, requirements) == ["data wos/train.tsv changed"]


def test_a_scheduler_that_is_not_there(project):
    project.notebook("00_good", METRICS)
    runner = start(project, "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9")
    printed, sentence = runner.communicate(timeout=180)
    assert (runner.returncode, printed) == (2, "")
    assert sentence.startswith("run_all.py: no dask scheduler answers at 'tcp://127.0.0.1:9'")
    assert sentence.count("\n") == 1
    assert not (project.root / "outputs").exists()


def _raise(*, stop, say):
    raise ZeroDivisionError("of no use")


def _say(what, *, stop, say):
    say(what)
    say(what + 1)
    return what


def _die(*, stop, say):
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(trace, *, stop, say):
    Path(trace).touch()
    while not stop():
        time.sleep(0.1)


def test_a_call_that_kills_every_worker_is_given_up(address):
    with Cluster(address) as cluster, pytest.raises(Lost, match="KilledWorker"):
        cluster.call(_die, stop=lambda: False)


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("workers", "ConnectionError: no worker has been there for 1 s"),
        ("all", "the scheduler is gone|lost the connection to the scheduler"),
    ],
)
def test_a_cluster_that_goes_away_is_said_to_be_gone(tmp_path, monkeypatch, gone, sentence):
    if gone == "workers":  # they go before the scheduler does, which is another sentence
        monkeypatch.setattr("dnalib.running.cluster.PATIENCE_SECONDS", 1)
    distributed = pytest.importorskip("distributed")
    trace = tmp_path / "trace"
    own = distributed.LocalCluster(n_workers=1, dashboard_address=":0", host="127.0.0.1")

    def leave():
        wait_until(trace.exists)
        own.scale(0) if gone == "workers" else own.close()

    with own, Cluster(own.scheduler_address) as cluster:
        leaving = threading.Thread(target=leave)
        leaving.start()
        with pytest.raises(Lost, match=sentence) as lost:
            cluster.call(_wait, str(trace), stop=lambda: False)
        assert "\n" not in str(lost.value)
        leaving.join()
        if gone != "workers":  # whoever calls next hears of it as well
            with pytest.raises(Lost):
                cluster.call(_wait, str(trace), stop=lambda: False)


def test_a_call_returns_what_was_returned_and_hears_what_was_said(address):
    heard = []
    with Cluster(address) as cluster:
        assert cluster.slots == 2
        assert cluster.call(_say, 3, stop=lambda: False, on_message=heard.append) == 3
        wait_until(lambda: heard == [3, 4])
        with pytest.raises(Lost, match="ZeroDivisionError: of no use"):
            cluster.call(_raise, stop=lambda: False)
