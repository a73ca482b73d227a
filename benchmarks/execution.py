"""What the runner costs: seconds a notebook, and of a second run with nothing changed.

Run as ``python benchmarks/execution.py``. Notebooks that do nothing but write one metric are run by
``run_all.py`` and by papermill alone, in the same folder one after the other, so that what is left
is overhead: starting Python, papermill and a kernel, rendering the page, keeping the manifest.
Where others use the machine, the CPU seconds tell more than the seconds.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbformat import v4, write

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = 13  # as many as the suite has
RUN_ALL = """
import sys
from pathlib import Path
from dnalib.execution.command import main
sys.exit(main(root=Path(__file__).resolve().parent))
"""
# What the suite's notebooks import: the second run has to follow all of it.
METRIC = """
from dnalib.outputs import Outputs
if seed < 0:
    from dnalib import benchmark, methods, plots
Outputs(output_dir).metrics(seed=seed)
"""


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        make_project(project)
        run_all = [sys.executable, str(project / "run_all.py"), "--cell-timeout", "600"]
        one = project / "notebooks" / "00_empty.ipynb"
        papermill = [sys.executable, "-m", "papermill", str(one), str(project / "alone.ipynb")]
        papermill += ["--cwd", name, "-p", "output_dir", "alone"]
        papermill += ["--no-progress-bar", "--log-level", "ERROR"]
        rows = [
            ("papermill alone, one notebook", *measure(papermill), ""),
            ("run_all.py, first run, a notebook", *measure(run_all, per=NOTEBOOKS), "<= 2.5"),
            (f"run_all.py, second run, all {NOTEBOOKS}", *measure(run_all), "<= 15"),
        ]
    print(f"{'':40} {'seconds':>8} {'CPU s':>8}  wanted seconds")
    for what, seconds, cpu, wanted in rows:
        print(f"{what:40} {seconds:8.2f} {cpu:8.2f}  {wanted}")
    (_, plain, plain_cpu, _), (_, ours, ours_cpu, _), _ = rows
    print(f"\nrun_all.py / papermill: {ours / plain:.2f} seconds, {ours_cpu / plain_cpu:.2f} CPU s")


def make_project(folder: Path) -> None:
    """Write a folder like the repository's root, with notebooks that do next to nothing."""
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "profiles.toml").write_text("[quick]\n")
    (folder / "requirements.txt").write_bytes((ROOT / "requirements.txt").read_bytes())
    (folder / "run_all.py").write_text(RUN_ALL)
    parameters = v4.new_code_cell(
        "seed = 0\noutput_dir = '../out'", metadata={"tags": ["parameters"]}
    )
    for number in range(NOTEBOOKS):
        title = v4.new_markdown_cell(f"# Notebook {number}")
        cells = [title, parameters, v4.new_code_cell(METRIC.strip())]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        write(notebook, folder / "notebooks" / f"{number:02}_empty.ipynb")


def measure(command: list[str], per: int = 1) -> tuple[float, float]:
    """Return wall and CPU seconds of a command and all under it, divided by `per`."""
    before, started = cpu_of_children(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) / per, (cpu_of_children() - before) / per


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes under this one that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
