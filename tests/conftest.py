"""Settings of every test, and what several folders of them share."""

import os

import huggingface_hub.constants
import pytest
from hypothesis import settings

from dnalib import environment

# As in what `run_all.py` starts; read when torch is imported, which is later. What the tests start
# inherits it, so that processes side by side (`pytest -n`) never have more threads than cores.
_side_by_side = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
_threads = max(1, environment.cores() // _side_by_side)
for _name, _value in environment.thread_settings(_threads).items():
    os.environ.setdefault(_name, _value)

# How long an example takes says how busy the machine is, not whether the code is right. The same
# examples every time, so that a red run is about the change at hand; to look for new ones:
# pytest --hypothesis-profile=explore
settings.register_profile("dnalib", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("dnalib")


@pytest.fixture
def offline(monkeypatch):
    """Let the hub's client fail at once: where there is no network it tries for 23 s."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
