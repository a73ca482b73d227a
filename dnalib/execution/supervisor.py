"""Runs one notebook in a process of its own, watches it, and puts what it made in place."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dnalib
from dnalib.environment import thread_settings
from dnalib.execution.jobs import Job
from dnalib.execution.judge import judge, read_json
from dnalib.execution.outcomes import Outcome, Result
from dnalib.execution.parameters import OUTPUT_DIR
from dnalib.execution.processes import kill_family, memory_kills

POLL_SECONDS = 0.2


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

    Raises
    ------
    OSError
        When the results folder cannot be written; no process and no workplace is left then.
    """
    started = time.monotonic()
    kills = memory_kills()
    try:
        _prepare(job)
        ending = _watch(job, stop, on_cell)
        result = judge(job, ending, short_of_memory=memory_kills() > kills)
        report = read_json(job.workplace / "report.json") or {}
        _put_in_place(job) if result.outcome.good else _keep_aside(job)
    finally:
        shutil.rmtree(job.workplace, ignore_errors=True)
    seconds = time.monotonic() - started
    return replace(result, seconds=seconds, cpu_seconds=report.get("cpu_seconds", 0.0))


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
            progress = read_json(job.workplace / "progress.json")
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
            [sys.executable, "-m", "dnalib.execution.child", "job.json"],
            cwd=job.workplace,
            env=environment,
            stdin=subprocess.PIPE,  # never written to: it closes when the runner is gone
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to the runner alone, which then cleans up
        )


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
