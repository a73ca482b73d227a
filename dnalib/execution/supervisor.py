"""Runs one notebook in a process of its own, watches it, and judges what came of it.

papermill's metadata is never looked at: it calls every cell "completed" after a timeout or a dead
kernel. A notebook is done when its process ended with 0, every code cell was run without an error,
and the results that it owes are there.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

import dnalib
from dnalib.environment import thread_settings
from dnalib.execution.notebooks import Notebook, source_of
from dnalib.execution.parameters import OUTPUT_DIR
from dnalib.outputs import METRICS_FILE

POLL_SECONDS = 0.2


class Outcome(StrEnum):
    """How a notebook ended."""

    DONE = "done"
    UP_TO_DATE = "up to date"
    FAILED = "failed"
    CELL_TIMEOUT = "timed out (cell)"
    NOTEBOOK_TIMEOUT = "timed out (notebook)"
    KERNEL_DIED = "kernel died"
    MISSING_ARTIFACT = "missing artifact"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"

    @property
    def good(self) -> bool:
        """Whether the results of this notebook are there and right."""
        return self in (Outcome.DONE, Outcome.UP_TO_DATE)


@dataclass(frozen=True)
class Result:
    """The outcome of one notebook, with what a person wants to know about it in one sentence."""

    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """One notebook to be run.

    Attributes
    ----------
    notebook : Notebook
    parameters : dict
        Values other than the defaults, without ``output_dir``.
    output : pathlib.Path
        The results folder of the profile.
    cell_timeout, notebook_timeout : float
        Seconds.
    threads : int
        How many threads its libraries may use.
    """

    notebook: Notebook
    parameters: dict[str, object]
    output: Path
    cell_timeout: float
    notebook_timeout: float
    threads: int

    @property
    def workplace(self) -> Path:
        """Where it runs until it is done."""
        return self.output / ".running" / self.notebook.name

    @property
    def results(self) -> Path:
        """The notebook's own folder of figures, tables and metrics."""
        return self.output / self.notebook.name

    @property
    def executed(self) -> Path:
        """The executed notebook."""
        return self.output / "executed" / f"{self.notebook.name}.ipynb"

    @property
    def html(self) -> Path:
        """The executed notebook as a page."""
        return self.output / "html" / f"{self.notebook.name}.html"

    @property
    def failed(self) -> Path:
        """What there is of the notebook when it did not get to its end."""
        return self.executed.with_suffix(".failed.ipynb")


def run(job: Job, stop: threading.Event, on_cell: Callable[[int, int], None]) -> Result:
    """Run one notebook, and put its results in place when, and only when, it is done.

    Parameters
    ----------
    job : Job
    stop : threading.Event
        Set from another thread to have it killed; the outcome is then "interrupted".
    on_cell : callable
        Called with (code cell, number of code cells) at every look at the running process.

    Returns
    -------
    Result
    """
    started = time.monotonic()
    _prepare(job)
    ending = _watch(job, stop, on_cell)
    result = judge(job, ending)
    _put_in_place(job) if result.outcome.good else _keep_aside(job)
    shutil.rmtree(job.workplace)
    return Result(result.outcome, result.detail, time.monotonic() - started)


def _prepare(job: Job) -> None:
    """Make an empty workplace holding the job's description, parameters as data."""
    shutil.rmtree(job.workplace, ignore_errors=True)
    results = job.workplace / "results"
    results.mkdir(parents=True)
    folder = job.notebook.path.parent.resolve()
    description = {
        "notebook": str(job.notebook.path.resolve()),
        "title": job.notebook.title,
        "folder": str(folder),
        "parameters": job.parameters | {OUTPUT_DIR: os.path.relpath(results.resolve(), folder)},
        "executed": job.executed.name,
        "html": job.html.name,
        "cell_timeout": job.cell_timeout,
    }
    (job.workplace / "job.json").write_text(json.dumps(description), "utf-8")


def _watch(job: Job, stop: threading.Event, on_cell: Callable[[int, int], None]) -> int | Outcome:
    """Return the worker's exit code, or why it had to be killed."""
    deadline = time.monotonic() + job.notebook_timeout
    process = _start(job)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
            if stop.is_set():
                return Outcome.INTERRUPTED
            if time.monotonic() > deadline:
                return Outcome.NOTEBOOK_TIMEOUT
            progress = _read_json(job.workplace / "progress.json")
            if progress:
                on_cell(progress["cell"], progress["of"])
    finally:
        if process.poll() is None:
            kill_family(process.pid)
            process.wait()


def _start(job: Job) -> subprocess.Popen:
    # The library whose digest goes into the manifest is the one that is run.
    library = str(Path(dnalib.__file__).resolve().parents[1])
    search_path = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
    environment = thread_settings(job.threads) | os.environ | {
        "PYTHONPATH": search_path,
        "DNALIB_HEADLESS": "1",  # lines instead of progress bars
        # A "python3" kernel of the user's own must not take the place of this environment's.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    with open(job.workplace / "log.txt", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dnalib.execution.worker", "job.json"],
            cwd=job.workplace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to the runner alone, which then cleans up
        )


def kill_family(pid: int) -> None:
    """Kill a process and everything under it, and wait until all are gone (5 seconds at most).

    A process group would not do: the kernel is in a group and session of its own.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        deadline = time.monotonic() + 5
        while any(map(_is_alive, family)) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    # A zombie is dead already; when it goes is up to the parent that it was handed to.
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def judge(job: Job, ending: int | Outcome) -> Result:
    """Say how a run ended, from its exit code and from what lies in the workplace.

    Parameters
    ----------
    job : Job
    ending : int or Outcome
        The worker's exit code, or why it was killed.

    Returns
    -------
    Result
        Without seconds.
    """
    if ending == Outcome.INTERRUPTED:
        return Result(ending, "stopped from outside")
    if ending == Outcome.NOTEBOOK_TIMEOUT:
        return Result(ending, f"{_where(job)}ran longer than {job.notebook_timeout:g} s in all")
    if ending != 0:
        return _judge_failure(job, ending)
    trouble = _cell_trouble(_read_json(job.workplace / job.executed.name))
    if trouble:
        return Result(Outcome.FAILED, trouble)
    missing = _missing_artifact(job)
    return Result(Outcome.MISSING_ARTIFACT, missing) if missing else Result(Outcome.DONE)


def _judge_failure(job: Job, exit_code: int) -> Result:
    report = _read_json(job.workplace / "report.json")
    if not report or report["outcome"] == Outcome.DONE:
        return Result(Outcome.FAILED, f"exit code {exit_code}: {_last_line(job)}")
    outcome = Outcome(report["outcome"])
    cell = f"cell {report['cell']}" if report.get("cell") else "before the first cell"
    if outcome == Outcome.CELL_TIMEOUT:
        return Result(outcome, f"{cell} ran longer than {job.cell_timeout:g} s")
    if outcome == Outcome.KERNEL_DIED:
        return Result(outcome, f"in {cell}" if report.get("cell") else cell)
    where = f"{cell}: " if report.get("cell") else ""
    return Result(outcome, where + first_line(report["error"]))


def _where(job: Job) -> str:
    progress = _read_json(job.workplace / "progress.json")
    return f"in cell {progress['cell']} of {progress['of']}, " if progress else ""


def _last_line(job: Job) -> str:
    lines = (job.workplace / "log.txt").read_text("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _cell_trouble(executed: dict | None) -> str:
    """Return what is wrong with an executed notebook, or nothing."""
    if executed is None:
        return "the executed notebook was not written"
    codes = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(codes, 1):
        errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
        if errors:
            return f"cell {number}: " + first_line(f"{errors[0]['ename']}: {errors[0]['evalue']}")
        if cell["execution_count"] is None and source_of(cell).strip():
            return f"cell {number} was never run"
    return ""


def _missing_artifact(job: Job) -> str:
    metrics = _read_json(job.workplace / "results" / METRICS_FILE)
    if not isinstance(metrics, dict) or not metrics:
        return f"the notebook wrote no metrics to {METRICS_FILE} in its {OUTPUT_DIR}"
    return "" if (job.workplace / job.html.name).is_file() else f"{job.html.name} was not written"


def first_line(text: str) -> str:
    """Return the first line of `text` that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _read_json(path: Path):
    """Return a file's JSON content, or None when it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _put_in_place(job: Job) -> None:
    for target in (job.executed, job.html):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(job.workplace / target.name, target)
    if job.results.exists():
        os.replace(job.results, job.workplace / "superseded")
    os.replace(job.workplace / "results", job.results)
    job.failed.unlink(missing_ok=True)


def _keep_aside(job: Job) -> None:
    partial = job.workplace / job.executed.name
    if partial.exists():
        job.failed.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, job.failed)
