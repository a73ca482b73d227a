"""The four places that name versions and commands say the same."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
REQUIREMENTS = [
    line
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def blocks_under(heading: str, text: str) -> list[str]:
    """Return the fenced bash blocks of one section."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    return [block.strip() for block in re.findall(r"^```bash\n(.*?)^```", section, re.M | re.S)]


def test_every_requirement_is_pinned_once_and_the_project_comes_last():
    *pins, last = REQUIREMENTS
    assert last == "-e ."
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
    names = [canonicalize_name(Requirement(pin).name) for pin in pins]
    assert len(names) == len(set(names))


def test_every_dependency_of_the_project_is_pinned():
    pinned = {canonicalize_name(Requirement(pin).name) for pin in REQUIREMENTS[:-1]}
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert declared <= pinned
    assert {"jupyterlab", "pytest", "hypothesis", "numba"} <= pinned


def test_conda_gets_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    *conda, pip = environment["dependencies"]
    assert environment["name"] == "dnalib" and conda == ["python=3.11", "pip"]
    assert pip == {"pip": REQUIREMENTS}


def test_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    version = re.search(r'__version__ = "(.*)"', (ROOT / "dnalib/__init__.py").read_text())[1]
    assert (citation["version"], citation["license"]) == (version, PROJECT["license"])


def test_readme_gives_two_commands():
    first, second = blocks_under("Two commands", (ROOT / "README.md").read_text("utf-8"))
    assert first.split(" && ") == [
        "python3 -m venv .venv",
        ".venv/bin/pip install -r requirements.txt",
        ".venv/bin/python run_all.py --jobs 2",
    ]
    assert second == ".venv/bin/python -m pytest -n 2"


NEEDED_BY_CI = ("awk", "bash", "dirname", "mktemp", "rm", "tail", "tee", "test", "true", "false")


@pytest.fixture
def clone(tmp_path):
    """Return a function that runs .ci/run in a folder whose README has other commands."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in NEEDED_BY_CI:
        (commands / name).symlink_to(shutil.which(name))
    for name in ("apt-get", "chromium"):
        (commands / name).write_text('#!/bin/bash\necho "${0##*/} $1"\n')
        (commands / name).chmod(0o755)
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())

    def run(first: str, second: str, **variables: str) -> subprocess.CompletedProcess:
        text = (ROOT / "README.md").read_text("utf-8")
        for old, new in zip(blocks_under("Two commands", text), (first, second), strict=True):
            text = text.replace(f"\n{old}\n", f"\n{new}\n")
        (tmp_path / "README.md").write_text(text)
        return subprocess.run(
            ["bash", ".ci/run"],
            cwd=tmp_path,
            env={"PATH": str(commands)} | variables,
            capture_output=True,
            text=True,
        )

    run.folder = tmp_path
    return run


def test_ci_runs_the_readmes_commands_in_order(clone):
    (clone.folder / ".venv").mkdir()
    done = clone("test ! -e .venv && echo install && echo job", "echo tests && echo closing line")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line and not line.startswith("==")]
    assert said == [
        "install",
        "tests",
        "closing line",
        "job",
        "tests",
        "closing line tests/notebooks/test_quick.py",
        "tests",
        "closing line -m slow or browser",
        "closing line tests/notebooks/test_quick.py",
        "closing line -m slow or browser",
        "closing line",
    ]
    assert re.findall(r"^== (.*): passed, \d+ s$", done.stdout, re.MULTILINE) == [
        "install",
        "tests",
        "main job",
        "tests of its metrics",
        "slow tests",
    ]


def test_ci_leaves_the_slow_tests_out_on_a_slow_machine(clone):
    done = clone("echo install && echo job", "echo tests && echo closing line", SECONDS="1800")
    assert done.returncode == 0, done.stderr
    assert "-m slow" not in done.stdout
    closing = done.stdout.splitlines()[-3:]
    assert closing[0] == "closing line tests/notebooks/test_quick.py"
    assert re.fullmatch(r"slow tests: left out, since the steps above took 180\d s", closing[1])
    assert closing[2] == "closing line"


def test_ci_installs_chromium_where_there_is_none(clone):
    (clone.folder / "bin" / "chromium").unlink()
    done = clone("echo install && echo job", "echo tests")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line and not line.startswith("==")]
    assert said[:4] == ["install", "apt-get update", "apt-get install", "tests"]
    (clone.folder / "bin" / "apt-get").unlink()
    done = clone("echo install && echo job", "echo tests")
    assert done.returncode == 0
    assert "== browser: FAILED" in done.stdout
    assert "The tests of JupyterLab will be skipped." in done.stdout


@pytest.mark.parametrize(
    ("first", "second", "failed"),
    [
        ("false && echo job", "echo tests", ["install"]),
        ("echo install && false", "echo tests", ["main job"]),
        ("echo install && echo job", "false", ["tests", "tests of its metrics", "slow tests"]),
    ],
)
def test_ci_fails_when_a_step_does(clone, first, second, failed):
    done = clone(first, second)
    assert done.returncode == 1
    assert re.findall(r"^== (.*): FAILED", done.stdout, re.MULTILINE) == failed
    assert ("job" in done.stdout.splitlines()) == ("tests" in failed)
