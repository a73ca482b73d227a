"""Processes: killing whole families, dying with a parent, and why the system killed one."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def kill_family(pid: int, itself: bool = True) -> None:
    """Kill a process and everything under it, and wait until all are gone (5 seconds at most).

    A process group would not do: the kernel is in a group and session of its own.

    Parameters
    ----------
    pid : int
    itself : bool
        Whether the process at the top is killed too.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        family = _halt(psutil.Process(pid), itself)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        deadline = time.monotonic() + 5
        while any(map(_is_alive, family)) and time.monotonic() < deadline:
            time.sleep(0.02)


def _halt(parent: psutil.Process, itself: bool) -> list[psutil.Process]:
    """Stop a whole family from running, so that it has no more children, and return it."""
    halted = []
    while True:
        family = [parent] * itself + parent.children(recursive=True)
        new = [member for member in family if member not in halted]
        if not new:
            return halted
        for member in new:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.suspend()
        halted += new


def _is_alive(process: psutil.Process) -> bool:
    # A zombie is dead already; when it goes is up to the parent that it was handed to.
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def die_with_parent() -> None:
    """Kill this process and all under it as soon as its standard input is closed.

    The parent holds the other end of that pipe and never writes to it, so that it closes when, and
    however, the parent ends: a SIGKILL leaves no other trace.
    """

    def wait():
        os.read(sys.stdin.fileno(), 1)
        kill_family(os.getpid(), itself=False)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def ending(returncode: int | None) -> str:
    """Return how a process ended, in words; `returncode` as `subprocess` has it, None unknown."""
    if returncode is None:
        return ""
    if returncode >= 0:
        return f"exit code {returncode}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-returncode).name
    return f"signal {-returncode}"


def memory_kills() -> int:
    """Return how many processes this system, or this container, has killed for want of memory.

    Only a rise means anything: one kill may be counted in several places. Linux alone tells; it is
    always 0 elsewhere.
    """
    return sum(_counted(path) for path in [PROC / "vmstat", *_cgroup_files()])


def _cgroup_files() -> list[Path]:
    with contextlib.suppress(OSError):
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
        groups = {kind: path.lstrip("/") for _, kind, path in (x.split(":", 2) for x in lines)}
        return [
            CGROUPS / groups.get("", "") / "memory.events",  # version 2
            CGROUPS / "memory.events",  # the same, seen from inside a container
            CGROUPS / "memory" / groups.get("memory", "") / "memory.oom_control",  # version 1
            CGROUPS / "memory" / "memory.oom_control",
        ]
    return []


def _counted(path: Path) -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.M)
        return int(found[1]) if found else 0
    return 0
