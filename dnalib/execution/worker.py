"""Runs one notebook through papermill and writes down how that went, in the child process.

The working folder is the notebook's private one. What is said here is taken as a hint only:
`judge` looks at the exit code and at what was really made.
"""

import json
import os
from pathlib import Path

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

# Absolute from the start: papermill changes this process's working folder while a notebook runs.
WORKPLACE = Path.cwd()
PROGRESS_FILE = WORKPLACE / "progress.json"
REPORT_FILE = WORKPLACE / "report.json"
ENGINE = "dnalib"


class _WatchedKernel(AsyncKernelManager):
    """A kernel manager that keeps the kernel's process, so that its end can be told."""

    process = None

    async def start_kernel(self, **options):
        await super().start_kernel(**options)
        _WatchedKernel.process = self.provisioner.process

    @classmethod
    def exit_code(cls) -> int | None:
        """Return how the last kernel ended, as `subprocess` has it; None when unknown."""
        return cls.process.poll() if cls.process else None


class _ReportingEngine(NBClientEngine):
    """papermill's own engine, writing down each code cell that it starts."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, *args, **kwargs):
        codes = [i for i, c in enumerate(nb_man.nb.cells) if c.cell_type == "code"]
        start = nb_man.cell_start

        def cell_start(cell, cell_index=None, **options):
            if cell_index in codes:
                _write(PROGRESS_FILE, {"cell": codes.index(cell_index) + 1, "of": len(codes)})
            return start(cell, cell_index, **options)

        nb_man.cell_start = cell_start
        watched = {"kernel_manager_class": _WatchedKernel}
        return super().execute_managed_notebook(nb_man, *args, **kwargs, **watched)


def main(job_file: str) -> int:
    """Run the job described in `job_file`; return 0 when no error was seen."""
    job = json.loads(Path(job_file).read_text("utf-8"))
    report = _run(job)
    _write(REPORT_FILE, report | {"cpu_seconds": sum(os.times()[:4])})  # the kernel's included
    return 0 if report["outcome"] == "done" else 1


def _run(job: dict) -> dict:
    try:
        _execute_starting_twice(job)
        _export(job)
    except PapermillExecutionError as error:
        sentence = ": ".join(filter(None, [error.ename, error.evalue]))
        return {"outcome": "failed", "cell": _current_cell(), "error": sentence}
    except CellTimeoutError:
        return {"outcome": "timed out (cell)", "cell": _current_cell()}
    except (DeadKernelError, _NoKernel):
        died = {"outcome": "kernel died", "cell": _current_cell()}
        return died | {"exit": _WatchedKernel.exit_code()}
    except Exception as error:  # whatever else happened belongs in the summary, not in a log
        return {"outcome": "failed", "error": f"{type(error).__name__}: {error}"}
    return {"outcome": "done"}


def _execute_starting_twice(job: dict) -> None:
    """Execute the notebook; a kernel that dies before its first cell gets a second chance.

    Its five ports are picked before it starts: another program may take one in between.
    """
    try:
        _execute(job)
    except _NoKernel:
        _execute(job)


class _NoKernel(Exception):
    """The kernel died while it was starting."""


def _execute(job: dict) -> None:
    try:
        _execute_notebook(job)
    except RuntimeError as error:
        if str(error).startswith("Kernel died before replying"):
            raise _NoKernel from None
        raise


def _execute_notebook(job: dict) -> None:
    papermill_engines.register(ENGINE, _ReportingEngine)
    # Given as data and not as a path: papermill expands {braces} in paths.
    notebook = nbformat.read(job["notebook"], as_version=4)
    papermill.execute_notebook(
        notebook,
        job["executed"].replace("{", "{{").replace("}", "}}"),
        parameters=job["parameters"],
        engine_name=ENGINE,
        kernel_name="python3",
        progress_bar=False,
        cwd=job["folder"],
        execution_timeout=job["cell_timeout"],
    )


def _export(job: dict) -> None:
    # Imported late: a notebook that fails does not need it.
    from dnalib.execution.html import export

    export(Path(job["executed"]), Path(job["html"]), job["title"], Path(job["folder"]))


def _current_cell() -> int | None:
    if not PROGRESS_FILE.exists():
        return None
    return json.loads(PROGRESS_FILE.read_text("utf-8"))["cell"]


def _write(path: Path, content: dict) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content), "utf-8")
    temporary.replace(path)
