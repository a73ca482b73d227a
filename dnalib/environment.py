"""The machine and the versions that a result was made with."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import dnalib

HARDWARE = ("CPU, bfloat16", "CPU, float32", "GPU")
"""What decides how long a run takes, several times over; what most readers have comes first."""


def pinned(requirements: Path) -> dict[str, str]:
    """Return the ``name==version`` pins of a requirements file, by name.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    """
    if not requirements.is_file():
        raise FileNotFoundError(f"There is no {requirements}; expected the pinned versions there.")
    lines = requirements.read_text("utf-8").splitlines()
    pins = (re.fullmatch(r"([\w.-]+)==([\w.!+-]+)", line.strip()) for line in lines)
    return {pin[1]: pin[2] for pin in pins if pin}


def installed(name: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions(requirements: Path) -> dict[str, str | None]:
    """Return Python's version and the installed version of every pinned package."""
    return {"python": platform.python_version()} | {n: installed(n) for n in pinned(requirements)}


def library_digest() -> str:
    """Return the SHA-256 of dnalib's own code, file names included, as 64 hexadecimal digits."""
    folder = Path(dnalib.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def peak_gib() -> float:
    """Return the most memory in GiB that this process has held."""
    if sys.platform == "win32":
        import psutil  # not above: the check needs this module to say that psutil is missing

        return psutil.Process().memory_info().peak_wset / 2**30
    import resource  # not above: Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def hardware() -> dict[str, object]:
    """Return the operating system, processor, usable cores, memory in GiB, and GPUs by name."""
    import psutil  # not above: the check needs this module to say that psutil is missing

    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": gpus(),
    }


def processor() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def arithmetic() -> str:
    """Return what encoders compute in by default, which decides what training costs.

    Returns
    -------
    str
        "bfloat16" with a GPU, or a processor that has instructions for it, else "float32".
    """
    import torch  # takes seconds, and the rest of this module has to work without it

    native = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if native else "float32"


def computes_on() -> str:
    """Return which of `HARDWARE` encoders run on here."""
    import torch  # takes seconds, and the rest of this module has to work without it

    return "GPU" if torch.cuda.is_available() else f"CPU, {arithmetic()}"


def gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs, asked of the driver's own tool."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return _lines(query) if shutil.which(query[0]) else []


def revision(root: Path) -> str | None:
    """Return the git revision of `root`, with "-dirty" after local changes, or None."""
    query = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    described = _lines([*query, "--exclude=*"]) if shutil.which("git") else []
    return described[0] if described else None


def _lines(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()


def thread_settings(threads: int) -> dict[str, str]:
    """Return the environment that keeps every numerical library to `threads` threads.

    Threads that wait sleep instead of spinning, which holds up whatever else runs on the cores, the
    other threads of the same process among them.
    """
    libraries = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")
    numbers = {f"{library}_NUM_THREADS": str(threads) for library in libraries}
    return numbers | {"OMP_WAIT_POLICY": "PASSIVE"}


def threads_used(threads: int) -> int:
    """Return how many threads libraries take that are allowed `threads`: $OMP_NUM_THREADS wins."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() else threads


def python_version_ok() -> bool:
    """Say whether this Python is one that dnalib runs on."""
    return sys.version_info >= (3, 11, 5)  # what some of the pinned packages ask for
