"""Checkpoints at the end of each epoch, from which a killed run resumes to the same numbers."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dnalib.encoders import Store
from dnalib.files import atomic_path
from dnalib.training.config import TrainingConfig


def fingerprint(
    config: TrainingConfig,
    seed: int,
    store: Store,
    coarse: np.ndarray,
    encoder: nn.Module,
    objective: nn.Module,
) -> str:
    """Return the SHA-256 of all that decides a run's numbers, before any of it is trained.

    Settings, seed, inputs, labels, the encoder with its weights and its arithmetic, and what the
    objective is made of, with the inputs and the frozen weights that it holds. Trained weights of
    the objective are drawn anew in each process, so only their shapes count; of stored states,
    which tokens and weights decide, only the shape and the arithmetic.
    """
    parts = list(objective.modules())
    stores = [store, *(v for part in parts for v in vars(part).values() if isinstance(v, Store))]
    stored = [[str(kept.values.dtype), list(kept.values.shape)] for kept in stores]
    arithmetic = str(getattr(encoder, "dtype", ""))
    described = [config.to_dict(), int(seed), stored, arithmetic, _described(encoder)]
    described += [_described(part) for part in parts]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    inputs = [kept.tokens or kept for kept in stores]
    tensors = [tensor for kept in inputs for tensor in (kept.values, kept.lengths)]
    tensors += encoder.state_dict().values()
    tensors += [p for p in objective.parameters() if not p.requires_grad]
    for array in (*map(_bytes, tensors), np.ascontiguousarray(coarse)):
        digest.update(array)
    return digest.hexdigest()


def _described(module: nn.Module) -> list:
    """Return a module's class, its plain attributes, and its tensors: shape, and if trained."""
    plain = {n: v for n, v in vars(module).items() if isinstance(v, bool | int | float | str)}
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    shapes = {n: [list(t.shape), n in trained] for n, t in module.state_dict().items()}
    return [type(module).__qualname__, plain | {"training": None}, shapes]


def _bytes(tensor: Tensor) -> np.ndarray:
    """Return the bytes of a tensor of any type, those that NumPy lacks included."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()


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
        with zipfile.ZipFile(path) as parts:  # torch.load compares no checksums
            if damaged := parts.testzip():
                raise zipfile.BadZipFile(f"{damaged} has another checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError, UnicodeDecodeError,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise ValueError(
            f"checkpoint {path} is not readable ({type(error).__name__}): "
            "delete it to start from the beginning"
        ) from error
    if not isinstance(state, dict) or state.get("run") != run:
        raise ValueError(
            f"checkpoint {path} belongs to a run with other settings, seed, data, encoder or method"
            ": take another folder, or delete it to start from the beginning"
        )
    return state
