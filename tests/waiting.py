"""Waiting in tests for what other processes do."""

import time


def wait_until(condition, seconds=120):
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
