"""From texts with coarse labels to named sub-categories, a model and a report."""

from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.discovery.exporting import export
from dnalib.discovery.findings import numbers, repeated, suspicious, warnings
from dnalib.discovery.report import write_report
from dnalib.discovery.retraining import Retrained, retrain

__all__ = [
    "FineCategoryDiscovery",
    "Retrained",
    "export",
    "numbers",
    "repeated",
    "retrain",
    "suspicious",
    "warnings",
    "write_report",
]
