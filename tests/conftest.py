"""Settings of every test, and what several folders of them share."""

import os

import huggingface_hub.constants
import pytest
from hypothesis import settings

# As in what `run_all.py` starts; read when torch is imported, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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
