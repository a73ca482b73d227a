"""One command runs what results/ lacks and makes README's tables."""

import pytest

from dnalib import reproduce
from dnalib.__main__ import COMMANDS, main
from dnalib.studies.command import STUDIES


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """An empty clone, with the commands that would be run in it."""
    (tmp_path / "results").mkdir()
    for path in (reproduce.PLAN, reproduce.README):
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(
        reproduce.subprocess,
        "call",
        lambda command: asked.append(command[2:]) or int("own-data" in command),
    )
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


def test_an_interrupt_ends_it_without_a_traceback(clone, monkeypatch):
    def interrupted(command):
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce.subprocess, "call", interrupted)
    assert main(["reproduce"]) == 130
