"""From texts with coarse labels to named sub-categories, a model and a report."""

from dnalib.discovery.estimator import FineCategoryDiscovery

__all__ = ["FineCategoryDiscovery"]
