"""Checkpoints at the end of each epoch, from which a killed run resumes to the same numbers."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import torch

from dnalib.encoders import Store
from dnalib.files import atomic_path
from dnalib.training.config import TrainingConfig


def fingerprint(config: TrainingConfig, seed: int, store: Store, coarse: np.ndarray) -> str:
    """Return the SHA-256 of all that decides a run's numbers: settings, seed, inputs, labels."""
    inputs = store.tokens or store
    digest = hashlib.sha256(json.dumps([config.to_dict(), seed], sort_keys=True).encode())
    for array in (inputs.values.numpy(), inputs.lengths.numpy(), np.asarray(coarse)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save(path: Path, state: dict) -> None:
    """Write ``state`` (tensors and plain values) whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load(path: Path, run: str) -> dict | None:
    """Return the state saved by the run with the fingerprint ``run``, or None without a file.

    Only tensors and plain values are unpickled.

    Raises
    ------
    ValueError
        If the file is damaged, or belongs to another run.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError) as error:
        raise ValueError(
            f"checkpoint {path} is not readable ({type(error).__name__}): "
            "delete it to start from the beginning"
        ) from error
    if not isinstance(state, dict) or state.get("run") != run:
        raise ValueError(
            f"checkpoint {path} belongs to a run with other settings, seed or data: "
            "take another folder, or delete it to start from the beginning"
        )
    return state
