"""Shared by the dataset tests: pydocs built once, and where the real benchmark files are."""

import os
from pathlib import Path

import pytest

from dnalib.datasets import load


@pytest.fixture(scope="session")
def pydocs_cache(tmp_path_factory):
    """A cache folder in which pydocs was built by the first `load`."""
    folder = tmp_path_factory.mktemp("pydocs-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNALIB_CACHE", str(folder))
        load("pydocs")
    return folder


@pytest.fixture(scope="session")
def pydocs(pydocs_cache):
    """Pydocs as `load` gives it, from the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNALIB_CACHE", str(pydocs_cache))
        return load("pydocs")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache, and no ``$DNALIB_DATA``."""
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DNALIB_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def real_data():
    """The folder of real benchmark files; the test is skipped without one."""
    folder = os.environ.get("DNALIB_DATA")
    if not folder:
        pytest.skip("DNALIB_DATA is not set: the real CLINC150, HWU64 and WOS files are not here")
    return Path(folder)
