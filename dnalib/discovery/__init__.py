"""From texts with coarse labels to named sub-categories, a model and a report."""

from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.discovery.exporting import export
from dnalib.discovery.findings import numbers, repeated, suspicious, warnings
from dnalib.discovery.report import write_report

__all__ = [
    "FineCategoryDiscovery",
    "export",
    "numbers",
    "repeated",
    "suspicious",
    "warnings",
    "write_report",
]
