"""Calls of functions on the workers of a dask.distributed cluster.

A call may be started more than once: a worker that is killed takes its calls with it, and the
scheduler gives them to others. But it returns once, here, and whoever makes it alone keeps what it
returns; so nothing is lost and nothing is there twice, as long as the function only returns and
leaves nothing behind.

The members of a cluster trust each other: whoever reaches its ports can run code on all of them.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable

from dnalib.running.arguments import one_line

POLL_SECONDS = 0.2
CONNECT_SECONDS = 10
PATIENCE_SECONDS = 60  # with no worker there at all
WANTED = ("executing", "long-running", "resumed")


class Lost(Exception):
    """What became of a call cannot be said; the sentence says why."""


class Stopped(Exception):
    """The caller wanted no more of it."""


class Cluster:
    """A connection to a scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Attributes
    ----------
    slots : int
        How many calls its workers can be at work on, as of now: one a thread.

    Raises
    ------
    ValueError
        When there is no scheduler, or none of its workers is there.
    """

    def __init__(self, address: str):
        try:
            from distributed import Client
        except ImportError:
            raise ValueError(
                "a dask cluster needs the package distributed, which is not installed; run "
                "pip install distributed."
            ) from None
        # Its own troubles come back as exceptions, and need not be told as logs too. Its import
        # has set the levels of both.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:  # TypeError: TLS without certificates
            raise ValueError(
                f"no dask scheduler answers at {address!r} ({type(error).__name__}); start one "
                "with: dask scheduler."
            ) from None
        self.slots = sum(self._client.nthreads().values())
        if not self.slots:
            self.close()
            raise ValueError(
                f"the dask scheduler at {address!r} has no workers; start some with: "
                f"dask worker {address} --nthreads 1."
            )

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; calls that are still at work are stopped there."""
        self._client.close()

    def call(
        self,
        function: Callable,
        *arguments,
        stop: Callable[[], bool],
        on_message: Callable[[object], object] = lambda message: None,
    ):
        """Return ``function(*arguments, stop=..., say=...)`` as called on some worker.

        Safe to use from several threads at a time.

        Parameters
        ----------
        function : callable
            Is given, besides its arguments, ``stop()``, which it should ask now and then and end
            early when it returns True, and ``say(message)``, which sends JSON data to here.
        *arguments
            Whatever can be pickled.
        stop : callable
            Asked five times a second; True has the call stopped.
        on_message : callable
            Called with what the function says.

        Raises
        ------
        Stopped
            After `stop` returned True.
        Lost
            When the function raised an error, when every worker that it was given to died, or
            when the scheduler or all workers are gone.
        """
        topic = f"dnalib-{uuid.uuid4().hex}"
        future = None
        try:
            self._client.subscribe_topic(topic, lambda event: on_message(event[1]["message"]))
            future = self._client.submit(_call, function, arguments, topic, pure=False)
            self._wait(future, stop)
            return future.result()
        except Stopped:
            future.cancel()
            raise
        except Exception as error:  # whatever the function raised, or the cluster
            raise Lost(one_line(f"{type(error).__name__}: {error}")) from error
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self._client.unsubscribe_topic(topic)
            if future is not None:
                future.release()

    def _wait(self, future, stop: Callable[[], bool]) -> None:
        last_seen = time.monotonic()
        while not future.done():
            time.sleep(POLL_SECONDS)
            if stop():
                raise Stopped
            if self._client.status == "closed":
                raise ConnectionError("the scheduler is gone")
            # Empty once the client has given the scheduler up, which the next look tells.
            if self._client.scheduler_info().get("workers"):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > PATIENCE_SECONDS:
                raise ConnectionError(f"no worker has been there for {PATIENCE_SECONDS} s")


def _call(function: Callable, arguments: tuple, topic: str):
    """Call `function`, in a thread of a worker."""
    from distributed import get_worker
    from distributed.worker import thread_state

    worker, key = get_worker(), thread_state.key

    def stop() -> bool:
        # The scheduler takes a task back when its client cancels it, or is gone.
        task = worker.state.tasks.get(key)
        return task is None or task.state not in WANTED

    def say(message) -> None:
        worker.log_event(topic, {"message": message})

    return function(*arguments, stop=stop, say=say)


def this_worker() -> tuple[str, int]:
    """Return the address of the worker that this call is at work on, and its number of threads."""
    from distributed import get_worker

    worker = get_worker()
    return worker.address, worker.state.nthreads
