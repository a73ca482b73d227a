"""SIGINT and SIGTERM as exceptions, the first of them only, and the exit codes after them."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED, TERMINATED = 130, 143  # 128 + SIGINT, 128 + SIGTERM, as shells have it


class Terminated(KeyboardInterrupt):
    """SIGTERM came, and not Ctrl-C."""


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGINT or SIGTERM, and be deaf to all that follow.

    Cleaning up takes a few seconds at most; a second Ctrl-C in them would leave a kernel behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def interrupt(number, frame):
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def exit_code_of(work: Callable[[], int]) -> int:
    """Return what `work` returns, or the exit code of the interrupt that ended it."""
    try:
        with one_interrupt():
            return work()
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED
