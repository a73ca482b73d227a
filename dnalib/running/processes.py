"""Processes: keeping one within limits, killing whole families, and why the system killed one."""

import atexit
import contextlib
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

import psutil

import dnalib
from dnalib.environment import thread_settings

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
SIGKILL = getattr(signal, "SIGKILL", 9)  # Windows has none
POLL_SECONDS = 0.2
FOLDERS = ("DNALIB_CACHE", "DNALIB_DATA")
"""Variables that name a folder; relative, they start where this process works."""


@dataclass(frozen=True)
class Limits:
    """What a process and all under it may take: seconds in all, and GiB of memory at once."""

    seconds: float = math.inf
    memory_gib: float = math.inf


class Cut(Enum):
    """Why a process was killed before its end."""

    STOPPED = auto()
    TOO_LONG = auto()
    TOO_LARGE = auto()


def start_module(
    module: str, argument: str, threads: int, log: BinaryIO, folder: Path | None = None, **variables
) -> subprocess.Popen:
    """Start a process that calls ``module.main(argument)``, to be followed by `watch`.

    It dies with this one, finds the dnalib that runs here, whatever is installed, and is told that
    nobody watches its progress bars.

    Parameters
    ----------
    module, argument : str
    threads : int
        How many threads its libraries may use, where the environment does not say.
    log : binary file
        Takes all that it prints.
    folder : path, optional
        Where it works; here when not given.
    **variables : str
        Put into its environment.
    """
    library = str(Path(dnalib.__file__).resolve().parents[1])
    search_path = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
    named = {name: os.environ[name] for name in FOLDERS if os.environ.get(name)}
    own = {name: str(Path(value).expanduser().absolute()) for name, value in named.items()}
    own |= {"PYTHONPATH": search_path, "DNALIB_HEADLESS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "dnalib.running.child", module, argument],
        cwd=folder,
        env=thread_settings(threads) | os.environ | own | variables,
        stdin=subprocess.PIPE,  # never written to: it closes when this process is gone
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C goes to the runner alone, which then cleans up
    )


def watch(
    process: subprocess.Popen,
    limits: Limits,
    stop: Callable[[], bool],
    look: Callable[[], object] | None = None,
) -> int | Cut:
    """Wait for a process to end, and kill it with all under it when it oversteps its limits.

    Parameters
    ----------
    process : subprocess.Popen
    limits : Limits
        The memory is that resident in the process and all under it, looked up five times a
        second: what is taken and given back in between goes unseen.
    stop : callable
        Asked as often; True has the process killed.
    look : callable, optional
        Called as often.

    Returns
    -------
    int or Cut
        Its exit code, or why it was killed; either way it is gone, and so is all under it. Only
        what a process leaves behind that crashes, or is killed by others, may live on.
    """
    deadline = time.monotonic() + limits.seconds
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
            if stop():
                return Cut.STOPPED
            if time.monotonic() > deadline:
                return Cut.TOO_LONG
            if limits.memory_gib < math.inf and resident_gib(process.pid) > limits.memory_gib:
                return Cut.TOO_LARGE
            if look:
                look()
    finally:
        if process.poll() is None:
            kill_family(process.pid)
            process.wait()


def resident_gib(pid: int) -> float:
    """Return the memory, in GiB, that a process and all under it hold at this moment."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for member in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total / 2**30


def kill_family(pid: int, itself: bool = True) -> None:
    """Kill a process and everything under it, and wait until all are gone (5 seconds at most).

    A process group would not do: the kernel is in a group and session of its own.

    Parameters
    ----------
    pid : int
    itself : bool
        Whether the process at the top is killed too.
    """
    with contextlib.suppress(psutil.Error):
        family = _halt(psutil.Process(pid), itself)
        for member in family:
            with contextlib.suppress(psutil.Error):
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
            with contextlib.suppress(psutil.Error):
                member.suspend()
        halted += new


def _is_alive(process: psutil.Process) -> bool:
    # A zombie is dead already; when it goes is up to the parent that it was handed to.
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def leave_nothing_behind() -> None:
    """Kill all under this process when it ends by itself."""
    # Of what is registered the first is called last, so that whoever has children ends them well.
    # Asked for anew: a fork of this process has children of its own.
    atexit.register(lambda: kill_family(os.getpid(), itself=False))


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


# As Python, NumPy, and torch for a GPU name it; torch on the processor raises a RuntimeError.
NO_MEMORY = re.compile(r"\w*(MemoryError|OutOfMemoryError)\b|RuntimeError: .*can't allocate memory")


def is_out_of_memory(error: str) -> bool:
    """Tell whether an error, written as ``Name: message``, says that memory ran out."""
    return NO_MEMORY.match(error) is not None


def ending(returncode: int | None, *, short_of_memory: bool = False) -> str:
    """Return how a process ended, in words.

    Parameters
    ----------
    returncode : int or None
        As `subprocess` has it; None when unknown.
    short_of_memory : bool
        Whether the system killed some process for want of memory in the meantime. Which one is
        not told: hence the "probably" in what is returned.
    """
    if returncode is None:
        return ""
    killed = returncode in (-SIGKILL, 128 + SIGKILL)
    note = ", probably out of memory" if killed and short_of_memory else ""
    if returncode >= 0:
        return f"exit code {returncode}{note}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-returncode).name + note
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
