"""Runs one notebook in a process of its own, watches it, and puts what it made in place."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace

from dnalib.execution.jobs import Job
from dnalib.execution.judge import judge, read_json
from dnalib.execution.outcomes import Result
from dnalib.execution.parameters import OUTPUT_DIR
from dnalib.files import swap_folder
from dnalib.running.processes import Cut, Limits, memory_kills, start_module, watch


def run(job: Job, stop: Callable[[], bool], on_cell: Callable[[int, int], None]) -> Result:
    """Run one notebook, and put its results in place when, and only when, it is done.

    Parameters
    ----------
    job : Job
    stop : callable
        Asked five times a second; True has it killed, and the outcome is then "interrupted".
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
    try:
        result = execute(job, stop, on_cell)
        place(job, result)
    finally:
        shutil.rmtree(job.workplace, ignore_errors=True)
    return replace(result, seconds=time.monotonic() - started)


def execute(job: Job, stop: Callable[[], bool], on_cell: Callable[[int, int], None]) -> Result:
    """Run one notebook in its workplace, and leave there what it made; see `run`."""
    kills = memory_kills()
    _prepare(job)
    how = _watch(job, stop, on_cell)
    result = judge(job, how, short_of_memory=memory_kills() > kills)
    report = read_json(job.workplace / "report.json") or {}
    return replace(result, cpu_seconds=report.get("cpu_seconds", 0.0))


def place(job: Job, result: Result) -> None:
    """Put what lies in the workplace in place when it is good, and keep it aside when not."""
    _put_in_place(job) if result.outcome.good else _keep_aside(job)


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


def _watch(job: Job, stop: Callable[[], bool], on_cell: Callable[[int, int], None]) -> int | Cut:
    """Return the worker's exit code, or why it had to be killed."""

    def look():
        progress = read_json(job.workplace / "progress.json")
        if progress:
            on_cell(progress["cell"], progress["of"])

    with open(job.workplace / "log.txt", "wb") as log:
        child = start_module(
            "dnalib.execution.child",
            "job.json",
            job.threads,
            log,
            job.workplace,
            # A "python3" kernel of the user's own must not take the place of this environment's.
            JUPYTER_PREFER_ENV_PATH="1",
        )
    return watch(child, Limits(job.notebook_timeout, job.memory_limit), stop, look)


def _put_in_place(job: Job) -> None:
    for target in (job.executed, job.html):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(job.workplace / target.name, target)
    swap_folder(job.workplace / "results", job.results, job.workplace / "superseded")
    job.failed.unlink(missing_ok=True)


def _keep_aside(job: Job) -> None:
    partial = job.workplace / job.executed.name
    if partial.exists():
        job.failed.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, job.failed)
