"""Settings of every test, and what several folders of them share."""

import os

import huggingface_hub.constants
import pytest
from hypothesis import settings

from dnalib import environment

# How long an example takes says how busy the machine is, not whether the code is right. The same
# examples every time, so that a red run is about the change at hand; to look for new ones:
# pytest --hypothesis-profile=explore
settings.register_profile("dnalib", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("dnalib")


def pytest_configure(config):
    """Set the threads of this process and of what it starts, as `run_all.py` does.

    Processes side by side (``pytest -n``) share the cores. They inherit this from the one that
    starts them, before any of them has imported torch, which reads it.
    """
    side_by_side = getattr(config.option, "numprocesses", None) or 1
    threads = max(1, environment.cores() // side_by_side)
    for name, value in environment.thread_settings(threads).items():
        os.environ.setdefault(name, value)


@pytest.fixture
def offline(monkeypatch):
    """Let the hub's client fail at once: where there is no network it tries for 23 s."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
