"""Says whether dnalib can run here: ``python -m dnalib check``, lines to quote in a bug report."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dnalib.environment import (
    arithmetic,
    cores,
    gpus,
    installed,
    pinned,
    processor,
    python_version_ok,
)
from dnalib.files import cache_dir
from dnalib.minilm import SHA256, minilm_folder

OPTIONAL_DATA = {
    "clinc150": ("clinc150/train.tsv", "clinc150/test.tsv", "clinc150/domains.json"),
    "hwu64": ("hwu64/train.tsv", "hwu64/test.tsv"),
    "wos": ("wos/train.tsv", "wos/test.tsv"),
    "wos-test": ("wos/test.tsv",),
    "mnist": ("mnist_t10k/t10k-images-idx3-ubyte.gz", "mnist_t10k/t10k-labels-idx1-ubyte.gz"),
    "omniglot": (
        "omniglot/images_background_small1.zip",
        "omniglot/images_background_small2.zip",
    ),
    "cifar10": ("cifar10/test_images.zip",),
}
"""The files of each set; not asked of `dnalib.datasets`, whose packages may be missing."""

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"

GIB_A_NOTEBOOK = 3

Finding = tuple[bool, str]


def check(requirements: Path = REQUIREMENTS) -> int:
    """Print one ``[OK]`` or ``[FAIL]`` line a finding.

    Parameters
    ----------
    requirements : pathlib.Path
        The pinned versions to compare the installed ones with.

    Returns
    -------
    int
        0 when every line is ``[OK]``, else 1.
    """
    failures = 0
    for ok, text in findings(requirements):
        print(f"[{'OK' if ok else 'FAIL'}] {text}")
        failures += not ok
    print(f"\n{failures} problem(s) found." if failures else "\nEverything is in place.")
    return 1 if failures else 0


def findings(requirements: Path) -> Iterator[Finding]:
    """Yield (is it well, sentence) for each thing looked at, from the quick to the slow."""
    yield python_version_ok(), f"Python {sys.version.split()[0]} (3.11.5 or newer is needed)"
    yield from packages(requirements)
    yield True, f"Processor: {processor()}, {cores()} cores usable"
    yield from precision()
    yield memory()
    yield True, f"GPU: {', '.join(gpus()) or 'none found; none is needed'}"
    yield encoder()
    yield cache()
    yield from data()


def packages(requirements: Path) -> Iterator[Finding]:
    """Compare each pinned package with what is installed."""
    if not requirements.is_file():
        yield True, "Packages: no requirements.txt here (not a clone), versions not compared"
        return
    for name, expected in pinned(requirements).items():
        found = installed(name)
        if found is None:
            yield False, f"{name} is not installed: run pip install {name}=={expected}"
        elif found.partition("+")[0] != expected:  # "+cpu" says how it was built, not which it is
            yield False, f"{name} {found}, pinned is {expected}: pip install {name}=={expected}"
        else:
            yield True, f"{name} {found}"


def precision() -> Iterator[Finding]:
    """Say what encoders compute in here; nothing before torch is installed."""
    if installed("torch") is not None:
        found = arithmetic()
        slow = "; training takes three to four times as long as with a processor that has bfloat16"
        yield True, f"Arithmetic: {found}{slow if found == 'float32' else ''}"


def memory() -> Finding:
    """Look at the memory: a notebook of the quick profile takes up to `GIB_A_NOTEBOOK`."""
    try:
        import psutil  # not above: without it, everything else has to be looked at all the same
    except ImportError:
        return False, "Memory: psutil is not installed: run pip install psutil"
    free, total = (psutil.virtual_memory()[i] / 2**30 for i in (1, 0))
    needed = f"{GIB_A_NOTEBOOK} GiB are needed for each notebook at a time"
    return free >= GIB_A_NOTEBOOK, f"Memory: {free:.1f} of {total:.1f} GiB available ({needed})"


def encoder() -> Finding:
    """Compare the packaged MiniLM's weights with the official file's digest."""
    try:
        minilm_folder()
    except (FileNotFoundError, ValueError) as error:
        return False, f"Encoder: {error}"
    return True, f"Encoder: all-MiniLM-L6-v2, SHA-256 {SHA256[:12]}… as expected"


def cache() -> Finding:
    """Try to write into the cache folder."""
    try:
        folder = cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True, f"Cache: {folder} can be written"
    except ImportError as error:
        return False, f"Cache: {error.name} is not installed: run pip install {error.name}"
    except OSError as error:
        return False, f"Cache: {error}; set DNALIB_CACHE to a folder that can be written"


def data() -> Iterator[Finding]:
    """Look for the benchmark sets, which are optional."""
    yield True, "Data pydocs, digits: come with the packages"
    folders = list(_data_folders())
    for name, files in OPTIONAL_DATA.items():
        places = {file: _first_with(file, folders) for file in files}
        missing = [file for file, place in places.items() if place is None]
        if not missing:
            where = f"found in {places[files[0]].parent}"
        else:
            lacks = "not found" if len(missing) == len(files) else f"no {missing[0]}"
            where = f"{lacks}; optional, dnalib.datasets.load fetches it or says how to get it"
        yield True, f"Data {name}: {where}"


def _first_with(file: str, folders: list[Path]) -> Path | None:
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def _data_folders() -> Iterator[Path]:
    if os.environ.get("DNALIB_DATA"):
        yield Path(os.environ["DNALIB_DATA"]).expanduser()
    try:
        yield cache_dir() / "data"
    except ImportError:
        pass  # the line of the cache says what is not installed
