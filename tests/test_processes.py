"""Child processes find the folders of their parent, and leave no process behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dnalib.running import processes
from dnalib.running.processes import Limits, start_module, watch
from tests.waiting import wait_until

SPAWNS = """
import subprocess
def main(seconds):
    subprocess.Popen(["sleep", seconds], start_new_session=True)
    {end}
"""
TELLS = """
import json, os
def main(path):
    with open(path, "w") as file:
        json.dump({name: os.environ.get(name) for name in ("DNALIB_CACHE", "DNALIB_DATA")}, file)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return how a process ends that runs `code`, in a folder that is not its parent's."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()

    def run(code, argument):
        (tmp_path / "job.py").write_text(code)
        with open(tmp_path / "log.txt", "wb") as log:
            child = start_module("job", argument, 1, log, tmp_path / "elsewhere")
        return watch(child, Limits(seconds=60), lambda: False)

    return run


@pytest.mark.parametrize(("end", "code"), [("return 0", 0), ("return 3", 3), ("1 / 0", 1)])
def test_a_process_that_ends_by_itself_leaves_none_behind(run, end, code):
    seconds = f"100.{os.getpid()}{code}"  # by which it is known
    assert run(SPAWNS.format(end=end), seconds) == code
    running = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", seconds] not in running


def test_folders_are_those_of_the_parent(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DNALIB_CACHE", "my cache")
    monkeypatch.setenv("DNALIB_DATA", "~/data")
    assert run(TELLS, str(tmp_path / "told.json")) == 0
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "DNALIB_CACHE": str(tmp_path / "my cache"),
        "DNALIB_DATA": str(Path.home() / "data"),
    }


PARENT = """
import subprocess, time
print(*(subprocess.Popen(["sleep", "60"]).pid for _ in range(2)), flush=True)
time.sleep(60)
"""


def test_a_process_that_may_not_be_killed_does_not_save_the_others(monkeypatch):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    forbidden, other = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
    kill = psutil.Process.kill

    def kill_or_refuse(process):
        if process == forbidden:
            raise psutil.AccessDenied(process.pid)
        kill(process)

    with monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "kill", kill_or_refuse)
        patched.setattr(processes, "_is_alive", lambda process: False)  # or it waits for 5 s
        processes.kill_family(parent.pid)
    try:
        assert parent.wait(10) == -signal.SIGKILL
        wait_until(lambda: not processes._is_alive(other), seconds=10)
        assert processes._is_alive(forbidden)
    finally:
        forbidden.kill()
