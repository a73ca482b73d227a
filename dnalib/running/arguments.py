"""Command lines that are refused in one sentence, and what is said to whoever runs them."""

import argparse
import contextlib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from typing import NoReturn

from dnalib.running.interrupts import exit_code_of

FAILED, REFUSED, CANNOT_WRITE = 1, 2, 8  # as those of run_all.py
# Python's own spellings, which TOML does not know.
PYTHON_WORDS = {"True": True, "False": False, "None": None}


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence, without the usage in front of it; takes no abbreviated option."""

    def __init__(self, **settings):
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with 2."""
        print(f"{self.prog}: {one_line(message)}; --help lists the options.", file=sys.stderr)
        sys.exit(REFUSED)

    def check_executor(self, options: argparse.Namespace) -> None:
        """Refuse a scheduler without the executor that needs it, and the executor without one."""
        if (options.executor == "dask") != (options.scheduler is not None):
            self.error("--executor dask and --scheduler ADDRESS go together; give both or neither")


def add_running_options(add: Callable[..., object], what: str) -> None:
    """Add the options that ``run_all.py`` and the grid share.

    Parameters
    ----------
    add : callable
        ``parser.add_argument``.
    what : str
        The plural of what is run, such as ``"notebooks"``.
    """
    add(
        "--jobs",
        type=count,
        metavar="N",
        help=f"{what} at a time (default: 1, on a cluster one for each thread of its workers)",
    )
    add(
        "--memory-limit",
        type=positive,
        metavar="GIB",
        help=f"kill any of the {what} whose processes hold more GiB of memory than this",
    )
    add(
        "--executor",
        choices=("local", "dask"),
        default="local",
        help="where to run: on this machine (the default) or on a dask.distributed cluster",
    )
    add("--scheduler", metavar="ADDRESS", help="of the cluster, such as tcp://10.0.0.1:8786")


def say(text: str) -> None:
    """Print to whoever listens: a full disk under the log, or a closed pipe, ends no run."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def complain(program: str, problem: str | Exception, code: int = REFUSED) -> int:
    """Say in one sentence what is wrong; return the exit code."""
    print(f"{program}: {one_line(str(problem))}", file=sys.stderr)
    return code


def exit_code_of_measuring(program: str, measure: Callable[[], int]) -> int:
    """Return the exit code of a command that keeps each result as it comes, and can go on later.

    What `measure` returns, 2 when it refuses its input, 8 when a file could not be written, 130 or
    143 after an interrupt; what is wrong is said in one sentence.
    """
    try:
        return exit_code_of(measure)
    except (ValueError, FileNotFoundError) as error:
        return complain(program, error)
    except OSError as error:  # what was done before stays done
        problem = f"stopped early, {error}; start it again to go on"
        return complain(program, problem, CANNOT_WRITE)


def one_line(text: str) -> str:
    """Return `text` on one line, and what is no text in it (bytes of a file name) escaped."""
    return " ".join(text.splitlines()).encode(errors="backslashreplace").decode()


def count(text: str) -> int:
    """Return a whole number from 1 to 9999."""
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a whole number, 1 to 9999")
    return int(text)


def seed_number(text: str) -> int:
    """Return a whole number from 0 up."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a whole number, 0 to 999999999")
    return int(text)


def positive(text: str) -> float:
    """Return a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number above 0")
    return number


def assignments(texts: Sequence[str], option: str) -> dict[str, object]:
    """Read ``NAME=VALUE`` strings; a value is a TOML literal, else a plain string.

    Parameters
    ----------
    texts : sequence of str
    option : str
        The option they were given with, for the message.

    Raises
    ------
    ValueError
        When a text has no ``=`` or no name before it.

    Examples
    --------
    >>> assignments(["epochs=2", "dataset=wos", "rate=1e-4", "filters=['label']"], "-p")
    {'epochs': 2, 'dataset': 'wos', 'rate': 0.0001, 'filters': ['label']}
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(
                f"{option} got {text!r}; expected NAME=VALUE, such as {option} seed=1."
            )
        values[name.strip()] = literal(value.strip())
    return values


def literal(text: str) -> object:
    """Return the bool, number, string or list that `text` writes; else `text` itself.

    A list is one of JSON's: with a date, or with a number that is not finite, it is text.
    """
    if text in PYTHON_WORDS:
        return PYTHON_WORDS[text]
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # the latter from a thousand brackets
        return text
    # More than one key would mean that the text went on after its value.
    plain = len(document) == 1 and isinstance(document["value"], bool | int | float | str | list)
    return document["value"] if plain and _is_json(document["value"]) else text


def _is_json(value: object) -> bool:
    if isinstance(value, float):  # one that is not finite is refused by its name, later
        return True
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
