"""Where the notebooks of a batch are run: on this machine, or on the workers of a cluster."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dnalib import environment
from dnalib.execution import ingredients, notebooks, supervisor
from dnalib.execution.jobs import Job
from dnalib.execution.manifest import changes
from dnalib.execution.outcomes import Outcome, Result
from dnalib.execution.plan import Plan
from dnalib.running.cluster import Cluster, Lost, Stopped, this_worker


@dataclass(frozen=True)
class Here:
    """Runs notebooks on this machine, `parallel` of them at a time."""

    parallel: int

    def run(self, job: Job, stop: Callable[[], bool], on_cell: Callable) -> Result:
        """Run one notebook; see `supervisor.run`."""
        return supervisor.run(job, stop, on_cell)


@dataclass(frozen=True)
class Remote:
    """Has the workers of a cluster run notebooks, `parallel` of them at a time.

    A worker runs a notebook in a folder of its own and sends back what came of it; the results
    folder is written here alone. It refuses when anything that the results depend on is not the
    same there as here, so the notebooks must be found under the same path.

    Attributes
    ----------
    cluster : Cluster
    plan : Plan
        That of the notebooks.
    parallel : int
    """

    cluster: Cluster
    plan: Plan
    parallel: int

    def run(self, job: Job, stop: Callable[[], bool], on_cell: Callable) -> Result:
        """Run one notebook, and put its results in place when, and only when, it is done.

        Raises
        ------
        OSError
            When the results folder cannot be written.
        """
        started = time.monotonic()
        expected = self.plan.ingredients[job.name]
        try:
            result, files = self.cluster.call(
                _run_there,
                job,
                expected,
                self.plan.requirements,
                stop=stop,
                on_message=lambda at: on_cell(*at),
            )
            _unpack(files, job.workplace)
            supervisor.place(job, result)
        except Stopped:
            result = Result(Outcome.INTERRUPTED, "stopped from outside")
        except Lost as error:
            result = Result(Outcome.FAILED, f"the cluster has no result of it, {error}")
        finally:
            shutil.rmtree(job.workplace, ignore_errors=True)
        return replace(result, seconds=time.monotonic() - started)


def _run_there(
    job: Job, expected: dict, requirements: Path, *, stop: Callable[[], bool], say: Callable
) -> tuple[Result, dict[str, bytes]]:
    """Run one notebook on a worker; return how that ended, and what it made."""
    address, slots = this_worker()
    differences = _differences(job, expected, requirements)
    if differences:
        sentence = f"worker {address} is not like this machine: {'; '.join(differences[:3])}"
        return Result(Outcome.FAILED, sentence), {}
    threads = max(1, environment.cores() // slots)
    with tempfile.TemporaryDirectory(prefix="dnalib-") as folder:
        there = replace(job, output=Path(folder), threads=threads)
        result = supervisor.execute(there, stop, lambda *at: say(at))
        where = {
            "hardware": environment.hardware(),
            "threads": environment.threads_used(threads),
            "worker": address,
        }
        return replace(result, where=where), _pack(there)


def _differences(job: Job, expected: dict, requirements: Path) -> list[str]:
    """Return what the results of `job` depend on and is not here as it was expected."""
    try:
        notebook = notebooks.read(job.notebook.path)
        here = ingredients.of(replace(job, notebook=notebook), environment.versions(requirements))
        # What another notebook downloaded in the meantime was not there when it was asked for.
        here["data"] = {n: s for n, s in here["data"].items() if n in expected["data"]}
        return changes(expected, here)
    except (ValueError, OSError) as error:
        return [str(error)]


def _pack(job: Job) -> dict[str, bytes]:
    """Return those files of the workplace that are to be put in place, by relative path."""
    made = [job.workplace / job.executed.name, job.workplace / job.html.name]
    made += (job.workplace / "results").rglob("*")
    files = [path for path in made if path.is_file()]
    return {path.relative_to(job.workplace).as_posix(): path.read_bytes() for path in files}


def _unpack(files: dict[str, bytes], workplace: Path) -> None:
    (workplace / "results").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = Path(os.path.normpath(workplace / name))
        if not path.is_relative_to(workplace):
            raise Lost(f"a file that it made would lie outside of its folder: {name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
