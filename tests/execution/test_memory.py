"""Memory that runs out for real, in a kernel of its own."""

import pytest

from dnalib.execution import modules
from tests.execution.conftest import METRICS, run

# What the kernel holds already counts too: the limit is so much above it.
LIMIT = """
import resource
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**28, resource.RLIM_INFINITY))
"""
GROW = """
import time
held = []
for _ in range(200):
    held.append(b"x" * 2**24)  # 16 MiB, written to
    time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def library_that_stands_still(monkeypatch):
    monkeypatch.setattr(modules, "used", lambda notebook: {"dnalib.outputs": "1"})


def test_a_notebook_that_holds_too_much_is_ended_and_says_so(project):
    project.notebook("00_grows", METRICS, GROW)
    project.notebook("01_modest", METRICS)
    code, printed = run(project, "--memory-limit", "0.75")
    assert code == 10
    manifest = project.manifest()
    assert manifest["00_grows"]["outcome"] == "out of memory"
    assert manifest["00_grows"]["detail"] == "in cell 4 of 4, held more than the limit of 0.75 GiB"
    assert manifest["01_modest"]["outcome"] == "done"
    assert (project.root / "outputs/quick/executed/00_grows.failed.ipynb").exists()
    assert "00_grows: out of memory in " in printed


@pytest.mark.parametrize(
    ("code", "start"),
    [
        ("bytes(2**30)", "cell 4: MemoryError"),
        ("import numpy\nnumpy.zeros(2**30)", "cell 4: MemoryError: Unable to allocate 8.00"),
    ],
)
def test_a_cell_that_gets_no_more_memory(project, code, start):
    project.notebook("00_asks", "import numpy", LIMIT + code)
    assert run(project)[0] == 10
    entry = project.manifest()["00_asks"]
    assert entry["outcome"] == "out of memory"
    assert entry["detail"].startswith(start)
