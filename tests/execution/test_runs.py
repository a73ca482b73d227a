"""Real runs, each with a kernel: every way in which a notebook can end is told apart."""

import copy
import json
import shutil
from xml.etree import ElementTree

import pytest

from dnalib import environment
from dnalib.execution import modules
from dnalib.running import processes
from tests.execution.conftest import METRICS, SLEEP, run

KILL = "import os\nos.kill(os.getpid(), 9)"
RUN_SHORT_OF_MEMORY = "open(counter, 'w').write('oom_kill 1\\n')\n" + KILL
# Would end the string, the line and the program, if it were ever taken as code.
NASTY = "\"'''\\\n\t{seed} %d $HOME ünd\u2028'); import os; os._exit(1) #"
ODD = "06_läst {x} 'y' & z"


@pytest.fixture(autouse=True, scope="module")
def library_that_stands_still():
    """Let no edit of dnalib during a test run make a notebook look changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules, "used", lambda notebook: {"dnalib.outputs": "1"})
        yield


@pytest.fixture(scope="module")
def batch(shared_project):
    """One run of eight notebooks, of which two are good."""
    counters = shared_project.root / "proc"
    counters.mkdir()
    (counters / "vmstat").write_text("oom_kill 0\n")
    values = {"text": NASTY, "counter": str(counters / "vmstat")}
    tables = {"00_good": "text", "07_hungry": "counter"}
    shared_project.profiles(
        "[quick]\n"
        + "".join(f'[quick."{nb}"]\n{n} = {json.dumps(values[n])}\n' for nb, n in tables.items())
    )

    def declaring(name):
        return f"seed = 0\n{name} = ''\noutput_dir = '../out'"

    metrics = METRICS.replace("seed=seed", "seed=seed, text=text")
    where = "import os\nprint(os.getcwd())"
    shared_project.notebook("00_good", metrics, where, parameters=declaring("text"))
    shared_project.notebook("01_raises", METRICS, "raise ValueError('no good\\nline 2')", "1")
    shared_project.notebook("02_hangs", METRICS, SLEEP)
    shared_project.notebook("03_killed", METRICS, KILL)
    shared_project.notebook("04_exits", METRICS, "import sys\nsys.exit(0)", "1")
    shared_project.notebook("05_silent", "seed")
    shared_project.notebook(ODD, METRICS)
    hungry = declaring("counter")
    shared_project.notebook("07_hungry", RUN_SHORT_OF_MEMORY, parameters=hungry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "PROC", counters)
        code, printed = run(shared_project, "--jobs", "2", "--cell-timeout", "5", "-p", "seed=7")
    return shared_project, code, printed


def test_every_ending_is_told_apart(batch):
    project, code, printed = batch
    endings = {name: (e["outcome"], e["detail"]) for name, e in project.manifest().items()}
    assert endings == {
        "00_good": ("done", ""),
        "01_raises": ("failed", "cell 4: ValueError: no good"),
        "02_hangs": ("timed out (cell)", "cell 4 ran longer than 5 s"),
        "03_killed": ("kernel died", "in cell 4, by SIGKILL"),
        "04_exits": ("failed", "cell 4: SystemExit: 0"),
        "05_silent": (
            "missing artifact",
            "the notebook wrote no metrics to metrics.json in its output_dir",
        ),
        ODD: ("done", ""),
        "07_hungry": ("kernel died", "in cell 3, by SIGKILL, probably out of memory"),
    }
    assert code == 5
    assert "[1/8] 00_good: started at " in printed and "(never run)" in printed
    assert all(f"{name}: {outcome} in " in printed for name, (outcome, _) in endings.items())


def test_results_of_the_good_are_in_place_and_of_the_bad_aside(batch):
    project, _, _ = batch
    output = project.root / "outputs" / "quick"
    metrics = json.loads((output / "00_good" / "metrics.json").read_text())
    assert metrics == {"seed": 7, "text": NASTY}
    assert {p.name for p in output.iterdir() if p.is_dir()} >= {"00_good", ODD}
    assert not (output / "01_raises").exists() and not (output / "03_killed").exists()
    assert {p.name for p in (output / "executed").iterdir()} == {
        "00_good.ipynb",
        "01_raises.failed.ipynb",
        "02_hangs.failed.ipynb",
        "03_killed.failed.ipynb",
        "04_exits.failed.ipynb",
        "05_silent.failed.ipynb",
        f"{ODD}.ipynb",
        "07_hungry.failed.ipynb",
    }
    assert list((output / ".running").iterdir()) == []


def test_a_kernel_works_in_the_notebooks_folder(batch):
    project, _, _ = batch
    executed = (project.root / "outputs/quick/executed/00_good.ipynb").read_text("utf-8")
    assert json.dumps(str(project.notebooks.resolve()), ensure_ascii=False)[1:-1] in executed
    assert {p.suffix for p in project.notebooks.iterdir()} == {".ipynb", ".toml"}  # no litter


def test_pages_need_no_network(batch):
    project, _, _ = batch
    pages = project.root / "outputs" / "quick" / "html"
    page = (pages / "00_good.html").read_text("utf-8")
    assert "<title>Title of 00_good</title>" in page
    assert "<math" in page and "$$" not in page
    index = (pages / "index.html").read_text("utf-8")
    assert '<a href="00_good.html">Title of 00_good</a>' in index and "seed&nbsp;=&nbsp;7" in index
    assert '<a href="06_l%C3%A4st%20%7Bx%7D%20%27y%27%20%26%20z.html">' in index
    assert "01_raises.html" not in index and "failed: cell 4: ValueError: no good" in index
    for text in (page, index):
        assert 'src="http' not in text and "import(" not in text and 'href="http' not in text


def test_circumstances_are_recorded(batch):
    project, _, _ = batch
    entry = project.manifest()["00_good"]
    assert entry["parameters"]["seed"] == 7 and entry["seconds"] > 0
    assert 0.5 < entry["cpu_seconds"] < 60
    assert entry["versions"].keys() == {"python", "papermill"}
    assert entry["hardware"]["cores"] == environment.cores()
    assert {"started", "revision", "profile"} <= entry.keys()
    assert set(entry["artifacts"]) == {
        "executed/00_good.ipynb",
        "html/00_good.html",
        "00_good/metrics.json",
    }


def test_junit_tells_the_same(batch):
    project, _, _ = batch
    suite = ElementTree.parse(project.root / "outputs/quick/junit.xml").getroot()
    assert {n: suite.get(n) for n in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8", "failures": "6", "errors": "0", "skipped": "0"
    }  # fmt: skip
    cases = {case.get("name"): case for case in suite}
    assert cases[ODD].find("system-out").text == "done"
    failure = cases["03_killed"].find("failure")
    assert failure.get("type") == "kernel died"
    assert failure.get("message") == "kernel died: in cell 4, by SIGKILL"


@pytest.fixture
def own(batch, tmp_path):
    """A copy of the project that ran, for tests that change it, in whatever order they come."""
    project = copy.copy(batch[0])
    project.root = shutil.copytree(project.root, tmp_path / project.root.name)
    project.notebooks = project.root / "notebooks"
    return project


def test_only_what_changed_runs_again(own):
    project = own
    only = ("--only", "0", "6", "-p", "seed=7")
    code, printed = run(project, *only)
    assert code == 0 and "started" not in printed and printed.count("up to date") == 4

    project.notebook(ODD, METRICS, "'changed'")
    code, printed = run(project, *only)
    assert code == 0
    assert "00_good: up to date" in printed and f"{ODD}: done" in printed


def test_verify_compares_and_touches_nothing(own):
    project = own
    output = project.root / "outputs" / "quick"
    stored = output / ODD / "metrics.json"
    stored.write_text('{"seed": 8, "train_seconds": 1.0}')
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    code, printed = run(project, "--verify", "--only", "6")
    rows = [line.removeprefix(ODD).split() for line in printed.splitlines()[-2:]]
    assert rows == [
        ["seed", "8", "7", "0.1%", "DIFFERENT"],
        ["train_seconds", "1", "missing", "-", "not", "compared"],
    ]
    assert code == 9 and {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_notebook_timeout_and_old_results_are_kept(own):
    project = own
    metrics = project.root / "outputs" / "quick" / ODD / "metrics.json"
    before = metrics.read_text()
    project.notebook(ODD, SLEEP)
    code, printed = run(project, "--only", "06", "--notebook-timeout", "5", "-p", "seed=7")
    assert code == 4
    assert f"{ODD}: timed out (notebook) in " in printed
    assert "in cell 3 of 3, ran longer than 5 s in all" in printed
    assert metrics.read_text() == before  # what was finished once is not lost
    assert project.manifest()[ODD]["outcome"] == "timed out (notebook)"
