"""Fine-grained category discovery from coarse labels: DNA and its relatives."""

__version__ = "0.1.0"
