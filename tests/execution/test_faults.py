"""Faults from outside, each injected for real into a runner in a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

import dnalib
from tests.execution.conftest import METRICS, SLEEP, Project, run
from tests.waiting import wait_until

SCRIPT = """
import sys
from pathlib import Path
from dnalib.execution.command import main
sys.exit(main(root=Path(__file__).resolve().parent))
"""
# Every 5 ms another child, in a session of its own.
BREED = """
import subprocess, time
while True:
    subprocess.Popen(["sleep", "{seconds}"], start_new_session=True)
    time.sleep(0.005)
"""
SLEEP_UNLESS_TOLD = """
import time
from pathlib import Path
if not Path("go on").exists():
    time.sleep(120)
"""


def start(project: Project, *arguments, first="", **environment) -> subprocess.Popen:
    """Start ``run_all.py`` in a process of its own, which does `first` before all else."""
    script = project.root / "run_all.py"
    script.write_text(first + SCRIPT)
    search = [str(Path(dnalib.__file__).parents[1]), environment.pop("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(filter(None, search))},
    )


def start_and_wait_for_cell(project: Project, cell: int) -> tuple[subprocess.Popen, list]:
    """Return the runner and all processes under it, once its first notebook is in `cell`."""
    runner = start(project)
    progress = project.root / "outputs/quick/.running/00_long/progress.json"
    wait_until(lambda: progress.exists() and json.loads(progress.read_text())["cell"] == cell)
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) >= 2  # the worker and its kernel
    return runner, family


def running(*command) -> list[int]:
    """Return the processes that run `command`."""
    every = psutil.process_iter(["cmdline", "status"])
    alive = [p for p in every if p.info["status"] != psutil.STATUS_ZOMBIE]
    return [process.pid for process in alive if process.info["cmdline"] == list(command)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_runner(project, number, code):
    seconds = f"100.{os.getpid()}{number:d}"  # by which the children are known
    project.notebook("00_long", METRICS, BREED.format(seconds=seconds))
    project.notebook("01_next", SLEEP)
    runner, family = start_and_wait_for_cell(project, 4)
    wait_until(lambda: len(running("sleep", seconds)) > 9)

    sent = time.monotonic()
    runner.send_signal(number)
    runner.send_signal(number)  # an impatient user
    printed, errors = runner.communicate(timeout=15)
    assert psutil.wait_procs(family, timeout=max(0, sent + 5 - time.monotonic()))[1] == []
    assert running("sleep", seconds) == []
    assert (runner.returncode, errors) == (code, "")
    assert "00_long: interrupted" in printed and "01_next   not run" in printed

    output = project.root / "outputs" / "quick"
    assert project.manifest()["00_long"]["outcome"] == "interrupted"
    assert "01_next" not in project.manifest()
    assert json.loads((output / "executed/00_long.failed.ipynb").read_text())["cells"]
    assert not (output / "00_long").exists()  # its metrics were written, and do not count
    kinds = [case[0].tag for case in ElementTree.parse(output / "junit.xml").getroot()]
    assert kinds == ["error", "skipped"]


def test_a_second_runner_and_then_the_first_one_killed(project):
    project.notebook("00_long", METRICS, SLEEP_UNLESS_TOLD)
    runner, family = start_and_wait_for_cell(project, 4)

    second = start(project)
    printed, sentence = second.communicate(timeout=15)
    assert (second.returncode, printed) == (7, "")
    assert f"is in use by process {runner.pid} on " in sentence and sentence.count("\n") == 1
    assert project.manifest()["00_long"]["outcome"] == "running"

    runner.kill()
    runner.communicate()
    assert psutil.wait_procs(family, timeout=5)[1] == []
    leftover = project.root / "outputs/quick/.running/00_long/results/metrics.json"
    assert leftover.exists()

    (project.notebooks / "go on").touch()
    stale = project.root / "outputs/quick/.running/99_gone"
    stale.mkdir()
    code, printed = run(project)
    assert code == 0 and "00_long: started" in printed and "(last run did not end)" in printed
    assert project.manifest()["00_long"]["outcome"] == "done"
    assert not stale.exists() and not leftover.exists()


@contextlib.contextmanager
def small_disk(folder: Path, options: str):
    """Mount a disk of 1 MiB at `folder`, or skip."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size=1m,{options}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(project):
    fill = "open(output_dir + '/big', 'wb').write(bytes(2**22))"
    project.notebook("00_fills", fill, METRICS)
    project.notebook("01_good", METRICS)
    output = project.root / "outputs" / "quick"
    with small_disk(output, "rw"):
        code, printed = run(project)
        assert code == 1
        manifest = project.manifest()
        assert manifest["00_fills"]["outcome"] == "failed"
        assert "No space left on device" in manifest["00_fills"]["detail"]
        assert manifest["01_good"]["outcome"] == "done"
        assert run(project, "--only", "1")[0] == 0

        with contextlib.suppress(OSError), open(output / "ballast", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        good = {path: path.read_bytes() for path in output.glob("01_good/*")}
        code, printed = run(project, "--only", "1", "--force")
        assert code == 8 and "Traceback" not in printed
        assert "No space left on device" in printed
        assert {path: path.read_bytes() for path in output.glob("01_good/*")} == good
        assert project.manifest()["01_good"]["outcome"] in ("done", "running")
        (output / "ballast").unlink()
        assert run(project, "--only", "1")[0] == 0
        assert project.manifest()["01_good"]["outcome"] == "done"


def test_files_that_may_not_grow(project):
    """What a quota does, where no disk may be mounted; the kernels are under it too."""
    largest = 2**20
    fill = f"open(output_dir + '/big', 'wb').write(bytes({2 * largest}))"
    project.notebook("00_fills", fill, METRICS)
    project.notebook("01_good", METRICS)
    project.notebook("02_prints", METRICS, f"print('x' * {2 * largest})")
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest}))"
    runner = start(project, first=limit)
    printed, errors = runner.communicate(timeout=120)
    assert (runner.returncode, errors) == (1, ""), printed
    manifest = project.manifest()
    assert manifest["00_fills"]["outcome"] == manifest["02_prints"]["outcome"] == "failed"
    assert manifest["00_fills"]["detail"] == "cell 3: OSError: [Errno 27] File too large"
    assert "File too large" in manifest["02_prints"]["detail"]  # its own copy, of the runner
    assert manifest["01_good"]["outcome"] == "done"
    output = project.root / "outputs" / "quick"
    assert not (output / "00_fills").exists() and not (output / "02_prints").exists()


@contextlib.contextmanager
def read_only(folder: Path):
    """Yield why nothing can be written in a folder: for root it takes a disk."""
    if os.geteuid() == 0:
        with small_disk(folder, "ro"):
            yield "Read-only file system"
    else:
        folder.mkdir(parents=True)
        folder.chmod(0o555)
        yield "Permission denied"
        folder.chmod(0o755)


def test_a_read_only_results_folder(project):
    project.notebook("00_good", METRICS)
    output = project.root / "outputs" / "quick"
    with read_only(output) as why:
        code, printed = run(project)
        assert code == 2 and printed == (
            f"run_all.py: the results folder {str(output)!r} cannot be used ({why}); give another "
            "with --output.\n"
        )
        assert list(output.iterdir()) == []


@pytest.mark.parametrize("name", ["../../00_out", "/tmp/00_out", "notebooks/00_good"])
def test_a_name_that_would_leave_the_folder(project, name):
    project.notebook("00_good", METRICS)
    assert run(project, "--only", name)[0] == 2
    assert run(project, "--profile", name)[0] == 2
    assert sorted(path.name for path in project.root.iterdir()) == ["notebooks", "requirements.txt"]


# Loaded by every Python under the runner: the first ports that jupyter picks are taken already.
CLASH = """
try:
    from jupyter_client.manager import KernelManager
    from jupyter_client.provisioning.local_provisioner import LocalPortCache
except ImportError:
    pass
else:
    find = LocalPortCache.find_available_port
    taken = [{port}] * {times}
    def find_available_port(self, ip):
        return taken.pop() if taken else find(self, ip)
    LocalPortCache.find_available_port = find_available_port
"""


@pytest.mark.parametrize(("times", "outcome"), [(1, "done"), (100, "kernel died")])
def test_a_port_that_is_taken(project, tmp_path, times, outcome):
    project.notebook("00_good", METRICS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        clash = CLASH.format(port=taken.getsockname()[1], times=times)
        (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(clash))
        runner = start(project, PYTHONPATH=str(tmp_path))
        printed, errors = runner.communicate(timeout=180)
    entry = project.manifest()["00_good"]
    assert (entry["outcome"], errors) == (outcome, "")
    if outcome == "done":
        assert runner.returncode == 0
    else:
        assert runner.returncode == 5
        assert entry["detail"] == "before the first cell, by exit code 1"
        assert not (project.root / "outputs/quick/00_good").exists()
