"""Runs the notebooks of a plan, several at a time, and records how each one ended."""

import functools
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from datetime import UTC, datetime

from dnalib import environment
from dnalib.execution import data
from dnalib.execution.jobs import Job, workplaces
from dnalib.execution.manifest import RUNNING, Manifest
from dnalib.execution.outcomes import Outcome, Result
from dnalib.execution.plan import Plan
from dnalib.execution.remote import Here, Remote
from dnalib.execution.report import Progress


class Batch:
    """One run of a plan.

    Parameters
    ----------
    plan : Plan
    manifest : Manifest
        That of the plan's results folder.
    progress : Progress
        Is told of every start, cell and end.
    executor : Here or Remote
        Runs each notebook.

    Attributes
    ----------
    results : dict of Result
        The outcome of each notebook of the plan, "not run" to begin with.
    """

    def __init__(self, plan: Plan, manifest: Manifest, progress: Progress, executor: Here | Remote):
        self.results = {job.name: Result(Outcome.NOT_RUN) for job in plan.jobs}
        self._plan = plan
        self._manifest = manifest
        self._progress = progress
        self._executor = executor
        self._record = _Record(plan, manifest)
        self._stop = threading.Event()

    def run(self) -> None:
        """Run what is not up to date, and have `results` say how each notebook ended.

        Raises
        ------
        KeyboardInterrupt
            After a signal, once every process is gone and the manifest is right.
        """
        shutil.rmtree(workplaces(self._plan.output), ignore_errors=True)  # of a killed runner
        waiting = []
        for job in self._plan.jobs:
            reason = self._plan.why_run(job, self._manifest)
            if reason:
                waiting.append((job, reason))
            else:
                self._end(job, Result(Outcome.UP_TO_DATE))
        if not waiting:
            return
        with ThreadPoolExecutor(self._executor.parallel) as pool, self._stopped_by_interrupt():
            futures = [pool.submit(self._run_one, job, reason) for job, reason in waiting]
            while wait_for(futures, timeout=0.2).not_done:
                pass
        for future in futures:
            future.result()  # an error of the runner itself must not pass unseen

    @contextmanager
    def _stopped_by_interrupt(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._stop.set()
            raise

    def _run_one(self, job: Job, reason: str) -> None:
        if self._stop.is_set():
            return
        self._progress.start(job.name, reason)
        try:
            self._record.started(job)
            on_cell = functools.partial(self._progress.cell, job.name)
            result = self._executor.run(job, self._stop.is_set, on_cell)
            self._record.ended(job, result)
        except OSError as error:  # a full disk, say: what was done before stays done
            result = Result(Outcome.CANNOT_WRITE, str(error))
        self._end(job, result)

    def _end(self, job: Job, result: Result) -> None:
        self.results[job.name] = result
        self._progress.end(job.name, result)


class _Record:
    """Writes the entries of the manifest, each with the circumstances of its run."""

    def __init__(self, plan: Plan, manifest: Manifest):
        self._plan = plan
        self._manifest = manifest
        self._starts = {}
        self._circumstances = {
            "profile": plan.profile.name,
            "revision": environment.revision(plan.root),
            "hardware": environment.hardware(),
        }

    def started(self, job: Job) -> None:
        """Withdraw the done-mark: from now on the results in place may be replaced."""
        self._starts[job.name] = datetime.now(UTC).isoformat(timespec="seconds")
        self._manifest.record(job.name, self._entry(job) | {"outcome": RUNNING})

    def ended(self, job: Job, result: Result) -> None:
        """Write the outcome; "done" comes with the digests of everything that was made."""
        entry = self._entry(job) | {
            "outcome": result.outcome,
            "detail": result.detail,
            "seconds": round(result.seconds, 2),
            "cpu_seconds": round(result.cpu_seconds, 2),
        }
        entry |= result.where
        if result.outcome.good:
            entry["artifacts"] = self._manifest.digests(job.artifacts())
            # What was downloaded only now is an input too; what was there counts as it was.
            values = job.notebook.parameters | job.parameters
            entry["data"] = data.stamps(values, job.notebook.path.parent) | entry["data"]
        self._manifest.record(job.name, entry)

    def _entry(self, job: Job) -> dict:
        return (
            self._circumstances
            | self._plan.ingredients[job.name]
            | {
                "started": self._starts[job.name],
                "parameters": job.parameters,
                "threads": environment.threads_used(job.threads),
            }
        )
