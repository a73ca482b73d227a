"""Compares the metrics of a rerun with the stored ones."""

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dnalib.execution.judge import read_json
from dnalib.outputs import METRICS_FILE

RELATIVE_TOLERANCE = 1e-3  # threads may add up in another order; nothing else should differ
TOLERANCES = Path("tests") / "notebooks" / "expected.toml"

SAME, DIFFERENT, NOT_COMPARED = "same", "DIFFERENT", "not compared"


@dataclass(frozen=True)
class Comparison:
    """One metric, as stored and as measured again; None where it is missing."""

    notebook: str
    metric: str
    stored: object
    now: object
    tolerance: float | None

    @property
    def verdict(self) -> str:
        """``"same"``, ``"DIFFERENT"``, or ``"not compared"`` for what measures time."""
        if self.metric.endswith("seconds"):
            return NOT_COMPARED
        return SAME if _close(self.stored, self.now, self.tolerance) else DIFFERENT

    def row(self) -> tuple[str, ...]:
        """Return the comparison as texts: notebook, metric, stored, now, tolerance, verdict."""
        if self.verdict == NOT_COMPARED:
            tolerance = "-"
        elif self.tolerance is None:
            tolerance = f"{RELATIVE_TOLERANCE:.1%}"
        else:
            tolerance = f"{self.tolerance:g}"
        values = [_short(self.stored), _short(self.now)]
        return (self.notebook, self.metric, *values, tolerance, self.verdict)


def compare(name: str, stored: Path, now: Path, tolerances: dict) -> Iterator[Comparison]:
    """Yield a comparison for every metric of notebook `name`.

    Parameters
    ----------
    name : str
        The notebook.
    stored, now : pathlib.Path
        Two results folders.
    tolerances : dict
        Of each notebook and metric, the absolute tolerance; see `read_tolerances`.
    """
    before, after = (_metrics(folder / name / METRICS_FILE) for folder in (stored, now))
    for metric in before | after:
        tolerance = tolerances.get(name, {}).get(metric)
        yield Comparison(name, metric, before.get(metric), after.get(metric), tolerance)


def read_tolerances(path: Path) -> dict[str, dict[str, float]]:
    """Return the absolute tolerances that ``expected.toml`` states, by notebook and metric.

    Raises
    ------
    ValueError
        When the file is not TOML, or holds something else than tables. One that is not there
        states none.
    """
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid TOML: {error}.") from None
    try:
        return {
            name: {
                metric: float(want["tolerance"])
                for metric, want in table.items()
                if "tolerance" in want
            }
            for name, table in tables.items()
        }
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} states a tolerance in another form ({error}); expected [notebook] with "
            "metric = {tolerance = number}."
        ) from None


def _metrics(path: Path) -> dict:
    """Return the metrics of a file; none of one that is missing or holds something else."""
    metrics = read_json(path)
    return metrics if isinstance(metrics, dict) else {}


def _close(stored: object, now: object, tolerance: float | None) -> bool:
    if isinstance(stored, list) and isinstance(now, list):
        pairs = zip(stored, now, strict=False)
        return len(stored) == len(now) and all(_close(a, b, tolerance) for a, b in pairs)
    numbers = isinstance(stored, int | float) and isinstance(now, int | float)
    if not numbers:
        return stored == now
    if tolerance is None:
        return math.isclose(stored, now, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-9)
    return abs(stored - now) <= tolerance


def _short(value: object) -> str:
    if value is None:
        return "missing"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
