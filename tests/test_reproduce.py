"""One command runs what results/ lacks and makes README's tables."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dnalib import reproduce
from dnalib.__main__ import COMMANDS, main
from dnalib.studies.command import STUDIES
from tests.waiting import wait_until


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """An empty clone, with the commands that would be run in it."""
    (tmp_path / "results").mkdir()
    for path in (reproduce.PLAN, reproduce.README):
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    asked = []

    def started(command):
        asked.append(command[2:])
        return SimpleNamespace(wait=lambda: int("own-data" in command))

    monkeypatch.setattr(reproduce.subprocess, "Popen", started)
    return asked


def test_every_step_is_run_also_after_one_that_failed(clone, capsys):
    assert main(["reproduce", "--jobs", "2"]) == 1
    assert capsys.readouterr().err == (
        "reproduce: failed: study own-data; what they said is above\n"
    )
    first, *studies, refresh, last = clone
    assert first == ["dnalib", "benchmark", "--plan", "results/plan.toml", "--jobs", "2"]
    assert [study[2] for study in studies] == list(STUDIES)
    assert (refresh, last[1:]) == (["dnalib", "refresh"], ["benchmark", "--tables", "README.md"])


def test_each_step_is_a_command_that_there_is():
    assert {step.split()[0] for step in reproduce.steps(1)} <= set(COMMANDS)


def test_another_folder_is_refused_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce"]) == 2
    assert capsys.readouterr().err.startswith("reproduce: there is no results/plan.toml here; run")


STEP = """
import pathlib, time
pathlib.Path("started").touch()
try:
    time.sleep(30)
except KeyboardInterrupt:
    time.sleep(1)  # longer than the quarter of a second that subprocess.call would wait
    pathlib.Path("cleaned up").touch()
"""


RUNNER = """
import subprocess, sys
from dnalib import reproduce
started = subprocess.Popen
subprocess.Popen = lambda command: started([sys.executable, "step.py"])
sys.exit(reproduce.main([]))
"""


@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    # As a terminal does it, and as whoever knows of the runner alone.
    [(signal.SIGINT, True, 130), (signal.SIGINT, False, 130), (signal.SIGTERM, False, 143)],
)
def test_an_interrupted_step_cleans_up(tmp_path, number, to_all, code):
    (tmp_path / "results").mkdir()
    for path in (reproduce.PLAN, reproduce.README):
        (tmp_path / path).touch()
    (tmp_path / "step.py").write_text(STEP)
    runner = tmp_path / "run.py"
    runner.write_text(RUNNER)
    library = str(Path(reproduce.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, runner],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": library},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((tmp_path / "started").exists)
    os.killpg(process.pid, number) if to_all else process.send_signal(number)
    _, errors = process.communicate(timeout=20)  # the step sleeps for longer
    assert (process.returncode, errors) == (code, "")
    assert (tmp_path / "cleaned up").exists()
