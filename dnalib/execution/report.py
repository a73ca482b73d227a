"""What a person is told: progress while it runs, a table at its end, and an index page."""

import contextlib
import html
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from dnalib.execution.judge import read_json
from dnalib.execution.manifest import Manifest
from dnalib.execution.notebooks import Notebook
from dnalib.execution.outcomes import Outcome, Result
from dnalib.execution.parameters import OUTPUT_DIR, Profile
from dnalib.execution.plan import Plan
from dnalib.execution.verify import Comparison
from dnalib.files import atomic_path
from dnalib.outputs import METRICS_FILE

HEARTBEAT_SECONDS = 30
METRICS_SHOWN = 6


class Progress:
    """One line when a notebook starts and one when it ends, and signs of life in between.

    On a terminal the running cells are shown on one line that renews itself; elsewhere, in a log
    say, each running notebook writes a line every 30 seconds.

    Parameters
    ----------
    total : int
        How many notebooks there are.
    stream : text file
        Where to write.
    """

    def __init__(self, total: int, stream: TextIO):
        self._total = total
        self._stream = stream
        self._live = stream.isatty()
        self._lock = threading.Lock()
        self._order = {}
        self._started = {}
        self._spoken = {}
        self._cells = {}
        self._codes = {}

    def start(self, name: str, reason: str) -> None:
        """Say that a notebook starts, and why it is run."""
        with self._lock:
            self._started[name] = self._spoken[name] = time.monotonic()
            self._line(f"{self._place(name)} {name}: started at {time.strftime('%X')} ({reason})")

    def cell(self, name: str, cell: int, of: int) -> None:
        """Say which code cell a notebook is in."""
        with self._lock:
            now = time.monotonic()
            at, since = self._cells.get(name, (0, now))
            self._cells[name] = cell, since if cell == at else now
            self._codes[name] = of
            if self._live:
                self._renew(" | ".join(self._sign(each, now) for each in self._cells))
            elif now - self._spoken[name] >= HEARTBEAT_SECONDS:
                self._spoken[name] = now
                self._line(f"{self._place(name)} {self._sign(name, now)}")

    def end(self, name: str, result: Result) -> None:
        """Say how a notebook ended."""
        with self._lock:
            self._cells.pop(name, None)
            seconds = "" if result.outcome == Outcome.UP_TO_DATE else f" in {result.seconds:.1f} s"
            detail = f": {result.detail}" if result.detail else ""
            self._line(f"{self._place(name)} {name}: {result.outcome}{seconds}{detail}")

    def _sign(self, name: str, now: float) -> str:
        """Return which cell a notebook is in, for how long, and how long it has run."""
        cell, since = self._cells[name]
        times = f"for {now - since:.0f} s, {now - self._started[name]:.0f} s in all"
        return f"{name}: cell {cell}/{self._codes[name]} {times}"

    def _place(self, name: str) -> str:
        return f"[{self._order.setdefault(name, len(self._order) + 1)}/{self._total}]"

    def _line(self, text: str) -> None:
        self._renew("")
        self._write(f"{text}\n")

    def _renew(self, text: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r{text[:width]:<{width}}\r")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk under the log, a closed pipe: run on
            self._stream.write(text)
            self._stream.flush()


def summary(results: dict[str, Result]) -> str:
    """Return the closing table: notebook, outcome, seconds, and what went wrong."""
    rows = [
        (name, str(r.outcome), f"{r.seconds:.1f}" if r.seconds else "-", r.detail)
        for name, r in results.items()
    ]
    return table([("notebook", "outcome", "seconds", ""), *rows])


def intentions(plan: Plan, manifest: Manifest) -> str:
    """Return the table of ``--dry-run``: what would be run, and why."""
    reasons = [(job.name, plan.why_run(job, manifest)) for job in plan.jobs]
    rows = [(name, "would run" if why else Outcome.UP_TO_DATE, why) for name, why in reasons]
    return table([("notebook", "", "why"), *rows])


def comparison(comparisons: Sequence[Comparison]) -> str:
    """Return the table of ``--verify``: each metric as stored and as measured again."""
    heading = ("notebook", "metric", "stored", "now", "tolerance", "")
    return table([heading, *(each.row() for each in comparisons)])


def listing(notebooks: Sequence[Notebook], profile: Profile) -> str:
    """Return the table of ``--list``: number, title, and each parameter with its default."""
    rows = [(n.number, n.title, _parameter_text(n, profile)) for n in notebooks]
    return table([("no.", "title", f"parameters (-> in profile {profile.name})"), *rows])


def _parameter_text(notebook: Notebook, profile: Profile) -> str:
    values = profile.values(notebook)
    return ", ".join(
        f"{name}={default!r}" + (f" -> {values[name]!r}" if name in values else "")
        for name, default in notebook.parameters.items()
        if name != OUTPUT_DIR
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    heading, *body = [
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([heading, "-" * len(heading), *body])


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dnalib notebooks: {profile}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top }}
th, td {{ padding: .4rem .8rem; border-bottom: 1px solid #ccc }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums }}
.bad {{ color: #a40000; font-weight: 600 }}
.metrics {{ font-size: .85em; color: #444 }}
</style>
</head>
<body>
<h1>Notebooks, profile {profile}</h1>
<table>
<tr><th>No.</th><th>Notebook</th><th>Outcome</th><th>Seconds</th><th>Metrics</th></tr>
{rows}
</table>
</body>
</html>
"""


def write_index(output: Path, notebooks: Sequence[Notebook], manifest: Manifest, profile: str):
    """Write ``html/index.html`` from the manifest: each notebook with its page and key metrics."""
    rows = [_index_row(output, notebook, manifest.entry(notebook.name)) for notebook in notebooks]
    with atomic_path(output / "html" / "index.html") as path:
        path.write_text(PAGE.format(profile=html.escape(profile), rows="\n".join(rows)), "utf-8")


def _index_row(output: Path, notebook: Notebook, entry: dict | None) -> str:
    title = html.escape(notebook.title)
    entry = entry or {"outcome": Outcome.NOT_RUN}
    done = entry["outcome"] == Outcome.DONE
    link = f'<a href="{quote(notebook.name)}.html">{title}</a>' if done else title
    outcome = html.escape(": ".join(filter(None, [entry["outcome"], entry.get("detail")])))
    seconds = f"{entry['seconds']:.1f}" if "seconds" in entry else ""
    metrics = _key_metrics(output / notebook.name / METRICS_FILE) if done else ""
    return (
        f"<tr><td>{html.escape(notebook.number)}</td><td>{link}</td>"
        f'<td{"" if done else " class=bad"}>{outcome}</td><td class="number">{seconds}</td>'
        f'<td class="metrics">{metrics}</td></tr>'
    )


def _key_metrics(path: Path) -> str:
    """Return the first few numbers of a metrics file, in the order they were written."""
    metrics = read_json(path)
    items = metrics.items() if isinstance(metrics, dict) else ()  # it may have been edited
    numbers = [(n, v) for n, v in items if isinstance(v, int | float)]
    return ", ".join(f"{html.escape(n)}&nbsp;=&nbsp;{v:.4g}" for n, v in numbers[:METRICS_SHOWN])
