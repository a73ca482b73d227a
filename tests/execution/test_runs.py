"""Real runs, each with a kernel: every way in which a notebook can end is told apart."""

import contextlib
import io
import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from dnalib import environment
from dnalib.execution import command
from tests.execution.conftest import METRICS

SLEEP = "import time\ntime.sleep(120)"
KILL = "import os\nos.kill(os.getpid(), 9)"


@pytest.fixture(autouse=True, scope="module")
def library_that_stands_still():
    """Let no edit of dnalib during a test run make a notebook look changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "sources_sha256", lambda folder: "constant")
        yield


def run(project, *arguments):
    """Return (exit code, what was printed) of a run in this process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command.main(arguments, root=project.root)
    return code, printed.getvalue()


@pytest.fixture(scope="module")
def batch(shared_project):
    """One run of six notebooks, of which two are good."""
    shared_project.notebook("00_good", METRICS, "import os\nprint(os.getcwd())")
    shared_project.notebook("01_raises", METRICS, "raise ValueError('no good\\nline 2')", "1")
    shared_project.notebook("02_hangs", METRICS, SLEEP)
    shared_project.notebook("03_killed", METRICS, KILL)
    shared_project.notebook("04_exits", METRICS, "import sys\nsys.exit(0)", "1")
    shared_project.notebook("05_silent", "seed")
    shared_project.notebook("06_last", METRICS)
    code, printed = run(shared_project, "--jobs", "2", "--cell-timeout", "5", "-p", "seed=7")
    return shared_project, code, printed


def test_every_ending_is_told_apart(batch):
    project, code, printed = batch
    endings = {name: (e["outcome"], e["detail"]) for name, e in project.manifest().items()}
    assert endings == {
        "00_good": ("done", ""),
        "01_raises": ("failed", "cell 4: ValueError: no good"),
        "02_hangs": ("timed out (cell)", "cell 4 ran longer than 5 s"),
        "03_killed": ("kernel died", "in cell 4"),
        "04_exits": ("failed", "cell 4: SystemExit: 0"),
        "05_silent": (
            "missing artifact",
            "the notebook wrote no metrics to metrics.json in its output_dir",
        ),
        "06_last": ("done", ""),
    }
    assert code == 1
    assert "[1/7] 00_good: started" in printed
    assert all(f"{name}: {outcome} in " in printed for name, (outcome, _) in endings.items())


def test_results_of_the_good_are_in_place_and_of_the_bad_aside(batch):
    project, _, _ = batch
    output = project.root / "outputs" / "quick"
    assert json.loads((output / "00_good" / "metrics.json").read_text()) == {"seed": 7}
    assert {p.name for p in output.iterdir() if p.is_dir()} >= {"00_good", "06_last"}
    assert not (output / "01_raises").exists() and not (output / "03_killed").exists()
    assert {p.name for p in (output / "executed").iterdir()} == {
        "00_good.ipynb",
        "01_raises.failed.ipynb",
        "02_hangs.failed.ipynb",
        "03_killed.failed.ipynb",
        "04_exits.failed.ipynb",
        "05_silent.failed.ipynb",
        "06_last.ipynb",
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
    assert "01_raises.html" not in index and "failed: cell 4: ValueError: no good" in index
    for text in (page, index):
        assert 'src="http' not in text and "import(" not in text and 'href="http' not in text


def test_circumstances_are_recorded(batch):
    project, _, _ = batch
    entry = project.manifest()["00_good"]
    assert entry["parameters"] == {"seed": 7} and entry["seconds"] > 0
    assert entry["versions"].keys() == {"python", "papermill"}
    assert entry["hardware"]["cores"] == environment.cores()
    assert entry["threads"] == max(1, environment.cores() // 2)
    assert {"started", "revision", "profile"} <= entry.keys()
    assert set(entry["artifacts"]) == {
        "executed/00_good.ipynb",
        "html/00_good.html",
        "00_good/metrics.json",
    }


def test_only_what_changed_runs_again(batch):
    project, _, _ = batch
    started = time.monotonic()
    code, printed = run(project, "--only", "0", "last", "-p", "seed=7")
    assert code == 0 and "started" not in printed and printed.count("up to date") == 4
    assert time.monotonic() - started < 3

    project.notebook("06_last", METRICS, "'changed'")
    code, printed = run(project, "--only", "0", "last", "-p", "seed=7")
    assert code == 0
    assert "00_good: up to date" in printed and "06_last: done" in printed


def test_notebook_timeout_and_old_results_are_kept(batch):
    project, _, _ = batch
    metrics = project.root / "outputs" / "quick" / "06_last" / "metrics.json"
    before = metrics.read_text()
    project.notebook("06_last", SLEEP)
    code, printed = run(project, "--only", "06", "--notebook-timeout", "5", "-p", "seed=7")
    assert code == 1
    assert "06_last: timed out (notebook) in " in printed
    assert "in cell 3 of 3, ran longer than 5 s in all" in printed
    assert metrics.read_text() == before  # what was finished once is not lost
    assert project.manifest()["06_last"]["outcome"] == "timed out (notebook)"


def test_ctrl_c_leaves_no_kernel_behind(project):
    project.notebook("00_long", SLEEP)
    project.notebook("01_next", SLEEP)
    script = project.root / "run_all.py"
    script.write_text(
        textwrap.dedent("""\
            import sys
            from pathlib import Path
            from dnalib.execution.command import main
            sys.exit(main(root=Path(__file__).resolve().parent))
        """)
    )
    runner = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    progress = project.root / "outputs/quick/.running/00_long/progress.json"
    wait_until(lambda: progress.exists() and json.loads(progress.read_text())["cell"] == 3)
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) >= 2  # the worker and its kernel

    runner.send_signal(signal.SIGINT)
    printed, _ = runner.communicate(timeout=15)
    assert runner.returncode == 130
    assert "00_long: interrupted" in printed and "01_next   not run" in printed
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert project.manifest()["00_long"]["outcome"] == "interrupted"
    assert Path(project.root / "outputs/quick/executed/00_long.failed.ipynb").exists()


def wait_until(condition, seconds=30):
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
