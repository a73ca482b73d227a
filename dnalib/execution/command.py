"""The command line of ``run_all.py``."""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dnalib.execution import junit, lock, options, plan, report, verify
from dnalib.execution.batch import Batch
from dnalib.execution.manifest import Manifest
from dnalib.execution.outcomes import (
    ALL_WELL,
    DIFFERENT,
    EXIT_CODES,
    LOCKED,
    Outcome,
    exit_code,
)
from dnalib.execution.parameters import InvalidParameters
from dnalib.execution.plan import Plan
from dnalib.execution.remote import Here, Remote
from dnalib.files import atomic_path
from dnalib.running.arguments import complain, say
from dnalib.running.cluster import Cluster
from dnalib.running.interrupts import exit_code_of


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
        0 when every notebook is done or up to date, 2 when the command line was refused and
        nothing was run, 130 after Ctrl-C and 143 after SIGTERM; `outcomes` has the others.
    """
    asked = options.parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a title must not break a terminal, or a log
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return exit_code_of(lambda: _action(asked)(asked, root))
    except _Refused as error:
        return complain("run_all.py", error)
    except lock.Locked as error:
        return complain("run_all.py", error, LOCKED)
    except OSError as error:  # what was done before stays done
        return complain("run_all.py", f"stopped early, {error}.", EXIT_CODES[Outcome.CANNOT_WRITE])


def _action(asked: argparse.Namespace) -> Callable[[argparse.Namespace, Path], int]:
    if asked.list:
        return _list
    if asked.dry_run:
        return _dry_run
    return _verify if asked.verify else _run


class _Refused(Exception):
    """What was asked for cannot be done, and nothing was run."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn the errors of a block in which nothing is run yet into refusals."""
    try:
        yield
    except InvalidParameters as error:
        raise _Refused(f"invalid parameters: {error}") from None
    except (ValueError, OSError) as error:
        raise _Refused(str(error)) from None


def _list(asked: argparse.Namespace, root: Path) -> int:
    with _refusing():
        _, notebooks, profile = plan.chosen(asked, root)
    print(report.listing(notebooks, profile))
    return ALL_WELL


def _dry_run(asked: argparse.Namespace, root: Path) -> int:
    with _refusing():
        todo = plan.make(asked, root)
    print(report.intentions(todo, _read_manifest(todo)))
    return ALL_WELL


def _run(asked: argparse.Namespace, root: Path) -> int:
    with ExitStack() as stack:
        with _refusing():
            todo = plan.make(asked, root)
            executor = _executor(asked, todo, stack)
            _make_folder(todo.output)
        stack.enter_context(lock.only_runner(todo.output))
        manifest = _read_manifest(todo)
        progress = report.Progress(len(todo.jobs), sys.stdout)
        batch = Batch(todo, manifest, progress, executor)
        try:
            batch.run()
        finally:  # after an interrupt too
            _conclude(todo, manifest, batch)
    return exit_code(batch.results.values())


def _executor(asked: argparse.Namespace, todo: Plan, stack: ExitStack) -> Here | Remote:
    """Return what runs the notebooks; `stack` closes its connection."""
    if asked.scheduler is None:
        return Here(asked.jobs or 1)
    cluster = stack.enter_context(Cluster(asked.scheduler))
    return Remote(cluster, todo, asked.jobs or cluster.slots)


def _conclude(todo: Plan, manifest: Manifest, batch: Batch) -> None:
    junit.write(todo.output / junit.JUNIT_FILE, f"run_all.py {todo.profile.name}", batch.results)
    report.write_index(todo.output, todo.notebooks, manifest, todo.profile.name)
    say(f"\n{report.summary(batch.results)}")
    say(f"\nResults: {todo.output / 'html' / 'index.html'}")


def _verify(asked: argparse.Namespace, root: Path) -> int:
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="dnalib-verify-"))
        with _refusing():
            tolerances = verify.read_tolerances(root / verify.TOLERANCES)
            stored, again = plan.to_verify(asked, root, Path(scratch).resolve())
            executor = _executor(asked, again, stack)
        progress = report.Progress(len(again.jobs), sys.stdout)
        batch = Batch(again, Manifest(again.manifest_file), progress, executor)
        batch.run()
        comparisons = [
            comparison
            for name, result in batch.results.items()
            if result.outcome.good
            for comparison in verify.compare(name, stored.output, again.output, tolerances)
        ]
    print(f"\n{report.summary(batch.results)}\n\n{report.comparison(comparisons)}", flush=True)
    different = any(each.verdict == verify.DIFFERENT for each in comparisons)
    return exit_code(batch.results.values()) or (DIFFERENT if different else ALL_WELL)


def _read_manifest(todo: Plan) -> Manifest:
    manifest = Manifest(todo.manifest_file)
    if manifest.warning:
        print(f"Warning: {manifest.warning}", flush=True)
    return manifest


def _make_folder(output: Path) -> None:
    """Make the results folder, and make sure that files can be written there."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with atomic_path(output / ".try") as path:
            path.write_bytes(b"")
        (output / ".try").unlink(missing_ok=True)  # of another run that starts now
    except OSError as error:
        raise ValueError(
            f"the results folder {str(output)!r} cannot be used ({error.strerror}); "
            "give another with --output."
        ) from None
