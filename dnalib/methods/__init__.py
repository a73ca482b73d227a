"""Methods by name, and `run`, which trains and scores any of them under one protocol."""

from dnalib.methods.protocol import Run, make_encoder, resolve_config, run
from dnalib.methods.registry import METHODS, Method, get_method

__all__ = ["METHODS", "Method", "Run", "get_method", "make_encoder", "resolve_config", "run"]
