"""Judges how a run of a notebook ended, from its exit code and from what it really made.

papermill's metadata is never looked at: it calls every cell "completed" after a timeout or a dead
kernel. A notebook is done when its process ended with 0, every code cell was run without an error,
and the results that it owes are there.
"""

import json
from pathlib import Path

from dnalib.execution.jobs import Job
from dnalib.execution.notebooks import source_of
from dnalib.execution.outcomes import Outcome, Result
from dnalib.execution.parameters import OUTPUT_DIR
from dnalib.outputs import METRICS_FILE
from dnalib.running.processes import Cut, ending, is_out_of_memory


def judge(job: Job, how: int | Cut, *, short_of_memory: bool = False) -> Result:
    """Say how a run ended, from its exit code and from what lies in the workplace.

    Parameters
    ----------
    job : Job
    how : int or Cut
        The worker's exit code, or why it was killed.
    short_of_memory : bool
        Whether the system killed some process for want of memory in the meantime.

    Returns
    -------
    Result
        Without seconds.
    """
    if how == Cut.STOPPED:
        return Result(Outcome.INTERRUPTED, "stopped from outside")
    if how == Cut.TOO_LONG:
        detail = f"{_where(job)}ran longer than {job.notebook_timeout:g} s in all"
        return Result(Outcome.NOTEBOOK_TIMEOUT, detail)
    if how == Cut.TOO_LARGE:
        detail = f"{_where(job)}held more than the limit of {job.memory_limit:g} GiB"
        return Result(Outcome.OUT_OF_MEMORY, detail)
    if how != 0:
        return _judge_failure(job, how, short_of_memory)
    trouble = _cell_trouble(read_json(job.workplace / job.executed.name))
    if trouble:
        return Result(Outcome.FAILED, trouble)
    missing = _missing_artifact(job)
    return Result(Outcome.MISSING_ARTIFACT, missing) if missing else Result(Outcome.DONE)


def _judge_failure(job: Job, exit_code: int, short_of_memory: bool) -> Result:
    report = read_json(job.workplace / "report.json")
    if not report or report["outcome"] == Outcome.DONE:
        how = ending(exit_code, short_of_memory=short_of_memory)
        ended = f"{_where(job)}the notebook's process ended by {how}: {_last_line(job)}"
        return Result(Outcome.FAILED, ended)
    outcome = Outcome(report["outcome"])
    cell = f"cell {report['cell']}" if report.get("cell") else "before the first cell"
    if outcome == Outcome.CELL_TIMEOUT:
        return Result(outcome, f"{cell} ran longer than {job.cell_timeout:g} s")
    if outcome == Outcome.KERNEL_DIED:
        return Result(outcome, _death(report, short_of_memory))
    where = f"{cell}: " if report.get("cell") else ""
    short = outcome == Outcome.FAILED and is_out_of_memory(report["error"])
    detail = where + first_line(report["error"])
    return Result(Outcome.OUT_OF_MEMORY if short else outcome, detail)


def _death(report: dict, short_of_memory: bool) -> str:
    """Return in which cell and by what a kernel died."""
    place = f"in cell {report['cell']}" if report.get("cell") else "before the first cell"
    how = ending(report["exit"], short_of_memory=short_of_memory)
    return f"{place}, by {how}" if how else place


def _where(job: Job) -> str:
    progress = read_json(job.workplace / "progress.json")
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
    metrics = read_json(job.workplace / "results" / METRICS_FILE)
    if not isinstance(metrics, dict) or not metrics:
        return f"the notebook wrote no metrics to {METRICS_FILE} in its {OUTPUT_DIR}"
    return "" if (job.workplace / job.html.name).is_file() else f"{job.html.name} was not written"


def first_line(text: str) -> str:
    """Return the first line of `text` that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def read_json(path: Path):
    """Return a file's JSON content, or None when it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
