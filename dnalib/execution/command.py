"""The command line of ``run_all.py``."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dnalib
from dnalib import environment
from dnalib.execution import report, supervisor
from dnalib.execution.manifest import Manifest, key_of
from dnalib.execution.notebooks import Notebook, discover, select
from dnalib.execution.parameters import Profile, check, load_profile, parse_overrides
from dnalib.execution.supervisor import Job, Outcome, Result

ALL_WELL, SOMETHING_FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Plan:
    """What the command line asks for, checked."""

    root: Path
    notebooks: list[Notebook]
    jobs: list[Job]
    keys: dict[str, str]
    profile: Profile
    output: Path
    parallel: int
    force: bool


def main(arguments: Sequence[str] | None = None, *, root: Path) -> int:
    """Run the notebooks of the project at `root` as the command line asks.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process when not given.
    root : pathlib.Path
        The folder holding ``notebooks/`` and ``requirements.txt``.

    Returns
    -------
    int
        0 when every notebook is done or up to date, 1 when one is not, 2 when the command line was
        refused and nothing was run, 130 after Ctrl-C or SIGTERM.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            print(_list(options, root))
            return ALL_WELL
        plan = _plan(options, root)
        plan.output.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return REFUSED
    try:
        return _carry_out(plan)
    except OSError as error:  # a full disk, say: what was done before stays done
        print(f"run_all.py: stopped early, {error}", file=sys.stderr)
        return SOMETHING_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description="Execute the notebooks, each in a process of its own; skip what is up to date.",
    )
    add = parser.add_argument
    add("--profile", default="quick", help="size, from notebooks/profiles.toml (default: quick)")
    add("--only", nargs="+", metavar="NB", default=(), help="numbers or slugs, such as 03 05")
    add("--jobs", type=_count, default=1, metavar="N", help="notebooks at a time (default: 1)")
    add("--list", action="store_true", help="list the notebooks with their parameters, run none")
    add(
        "-p",
        action="append",
        default=[],
        dest="parameters",
        metavar="NAME=VALUE",
        help="set a parameter of every notebook run; may be given several times",
    )
    add("--output", type=Path, metavar="DIR", help="results folder (default: outputs/PROFILE)")
    add("--force", action="store_true", help="run again even what is up to date")
    add("--cell-timeout", type=_seconds, metavar="S", help="give a cell up after S seconds")
    add("--notebook-timeout", type=_seconds, metavar="S", help="give a notebook up after S seconds")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a whole number, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number of seconds above 0")
    return seconds


def _chosen(options, root: Path) -> tuple[list[Notebook], list[Notebook], Profile]:
    """Return all notebooks, the chosen ones, and the profile."""
    notebooks = discover(root / "notebooks")
    profile = load_profile(root / "notebooks" / "profiles.toml", options.profile, notebooks)
    chosen = select(notebooks, options.only) if options.only else notebooks
    return notebooks, chosen, profile


def _list(options, root: Path) -> str:
    _, chosen, profile = _chosen(options, root)
    return report.listing(chosen, profile)


def _plan(options, root: Path) -> Plan:
    notebooks, chosen, profile = _chosen(options, root)
    overrides = parse_overrides(options.parameters)
    for notebook in chosen:
        check(overrides, notebook)
    output = (options.output or root / "outputs" / profile.name).resolve()
    jobs = [
        Job(
            notebook,
            profile.values(notebook) | overrides,
            output,
            options.cell_timeout or profile.cell_timeout,
            options.notebook_timeout or profile.notebook_timeout,
            threads=max(1, environment.cores() // options.jobs),
        )
        for notebook in chosen
    ]
    keys = _keys(jobs, root)
    return Plan(root, notebooks, jobs, keys, profile, output, options.jobs, options.force)


def _keys(jobs: Sequence[Job], root: Path) -> dict[str, str]:
    """Return, for each notebook, a digest of all that its results depend on."""
    library = environment.sources_sha256(Path(dnalib.__file__).parent)
    versions = environment.versions(root / "requirements.txt")
    return {
        job.notebook.name: key_of(
            source=job.notebook.source_sha256,
            parameters=job.parameters,
            library=library,
            versions=versions,
        )
        for job in jobs
    }


def _carry_out(plan: Plan) -> int:
    manifest = Manifest(plan.output / "manifest.json")
    if manifest.warning:
        print(f"Warning: {manifest.warning}", flush=True)
    results, interrupted = _run_all(plan, manifest)
    report.write_index(plan.output, plan.notebooks, manifest, plan.profile.name)
    print(f"\n{report.summary(results)}\n\nResults: {plan.output / 'html' / 'index.html'}")
    if interrupted:
        return INTERRUPTED
    return ALL_WELL if all(r.outcome.good for r in results.values()) else SOMETHING_FAILED


def _run_all(plan: Plan, manifest: Manifest) -> tuple[dict[str, Result], bool]:
    """Return each notebook's result, and whether the run was interrupted."""
    progress = report.Progress(len(plan.jobs), sys.stdout)
    results = {job.notebook.name: Result(Outcome.NOT_RUN) for job in plan.jobs}
    waiting = []
    for job in plan.jobs:
        name = job.notebook.name
        if not plan.force and manifest.is_up_to_date(name, plan.keys[name]):
            results[name] = Result(Outcome.UP_TO_DATE)
            progress.end(name, results[name])
        else:
            waiting.append(job)
    if not waiting:
        return results, False

    stop = threading.Event()
    record = _Record(plan, manifest)

    def run_one(job: Job) -> None:
        if stop.is_set():
            return
        name = job.notebook.name
        progress.start(name)
        record.started(job)
        result = supervisor.run(job, stop, lambda cell, of: progress.cell(name, cell, of))
        record.ended(job, result)
        results[name] = result
        progress.end(name, result)

    with ThreadPoolExecutor(plan.parallel) as pool, _sigterm_as_interrupt():
        futures = [pool.submit(run_one, job) for job in waiting]
        try:
            while wait_for(futures, timeout=0.2).not_done:
                pass
        except KeyboardInterrupt:
            stop.set()
    for future in futures:
        future.result()  # an error of the runner itself must not pass unseen
    return results, stop.is_set()


class _Record:
    """Writes the entries of the manifest, each with the circumstances of its run."""

    def __init__(self, plan: Plan, manifest: Manifest):
        self._keys = plan.keys
        self._manifest = manifest
        self._circumstances = {
            "profile": plan.profile.name,
            "revision": environment.revision(plan.root),
            "hardware": environment.hardware(),
            "versions": environment.versions(plan.root / "requirements.txt"),
        }
        self._starts = {}

    def started(self, job: Job) -> None:
        """Withdraw the done-mark: from now on the results in place may be replaced."""
        name = job.notebook.name
        self._starts[name] = datetime.now(UTC).isoformat(timespec="seconds")
        self._manifest.record(name, self._entry(job) | {"outcome": "running"})

    def ended(self, job: Job, result: Result) -> None:
        """Write the outcome; "done" comes with the digests of everything that was made."""
        entry = self._entry(job) | {
            "outcome": result.outcome,
            "detail": result.detail,
            "seconds": round(result.seconds, 2),
        }
        if result.outcome.good:
            entry["artifacts"] = self._manifest.digests(_artifacts(job))
        self._manifest.record(job.notebook.name, entry)

    def _entry(self, job: Job) -> dict:
        name = job.notebook.name
        return self._circumstances | {
            "key": self._keys[name],
            "started": self._starts[name],
            "parameters": job.parameters,
            "source_sha256": job.notebook.source_sha256,
            "threads": job.threads,
        }


def _artifacts(job: Job) -> list[str]:
    made = [job.executed, job.html, *sorted(job.results.rglob("*"))]
    return [path.relative_to(job.output).as_posix() for path in made]


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C while the block runs, so that no kernel is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
