"""A fitted model as a folder: ``model.json`` and two safetensors files; no pickle, no texts."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import nn

from dnalib.clustering import NumberEstimate
from dnalib.datasets.cells import plain_label
from dnalib.discovery.edits import from_json, to_json
from dnalib.discovery.sorting import Temperatures
from dnalib.encoders import load_encoder, usual_device
from dnalib.files import swap_folder
from dnalib.methods import Method

if TYPE_CHECKING:
    from dnalib.discovery.estimator import FineCategoryDiscovery

FORMAT = 3
MODEL, ARRAYS, ENCODER = "model.json", "arrays.safetensors", "encoder.safetensors"
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"}
"""What desktops and Jupyter leave in a folder and saving deletes: not all that is hidden."""


def save(model: FineCategoryDiscovery, folder: str | os.PathLike) -> None:
    """Write a fitted model to a folder, whole or not at all.

    Of the encoder only the layers that were trained are written (14 MB for MiniLM); its name, and
    the digest of the weights it started from, say where the rest comes from.

    Raises
    ------
    ValueError
        If the folder exists and holds something else than a model.
    """
    folder = Path(folder)
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    edits, edit_arrays = to_json(model.edits_)
    plain = {
        "format": FORMAT,
        "settings": _settings(model),
        "method": model.method_,
        "encoder_digest": model.encoder_digest_,
        "parents": list(model.parent_names_),
        "names": {str(category): name for category, name in model.names_.items()},
        "n_fine": {name: asdict(number) for name, number in model.n_fine_.items()},
        "temperatures": asdict(model.temperatures_),
        "sizes": {str(c): n for c, n in model.sizes_.items()},
        "stability": [model.stability_.get(c, math.nan) for c in range(len(model.centers_))],
        "separation": [model.separation_.get(c, math.nan) for c in range(len(model.centers_))],
        "notes": model.notes_,
        "edits": edits,
    }
    arrays = {
        "centers": model.centers_,
        "center_parents": model.center_parents_,
        "labels": model.labels_,
        "edges": model.edges_,
        "stability_ari": model.stability_ari_,
        **edit_arrays,
    }
    weights = {n: v.detach().contiguous() for n, v in _trainable(model.encoder_).items()}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        made = Path(temporary) / "model"
        made.mkdir()
        text = json.dumps(plain, indent=1, ensure_ascii=False, default=_plain)
        (made / MODEL).write_text(text + "\n", "utf-8", errors="surrogatepass")
        save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, made / ARRAYS)
        save_tensors(weights, made / ENCODER)
        for name in (ARRAYS, ENCODER):  # safetensors lets nobody else read what it writes
            shutil.copymode(made / MODEL, made / name)
        swap_folder(made, folder, Path(temporary) / "old")


def check_target(folder: Path) -> None:
    """Raise a ValueError if the folder exists and holds something else than a model."""
    if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
        raise ValueError(
            f"{str(folder)!r} exists and holds no model: choose a new folder, so that nothing "
            "there is lost"
        )


def load(cls: type, folder: str | os.PathLike) -> FineCategoryDiscovery:
    """Read a model that `save` wrote; see `FineCategoryDiscovery.load`."""
    folder = Path(folder)
    if not (folder / MODEL).is_file():
        raise FileNotFoundError(f"there is no {MODEL} in {str(folder)!r}: check the folder")
    try:
        plain = json.loads((folder / MODEL).read_text("utf-8", errors="surrogatepass"))
        arrays, weights = load_file(folder / ARRAYS), load_tensors(folder / ENCODER)
        known = plain["format"] == FORMAT
    except PermissionError:  # a sentence of its own, and nothing is damaged
        raise
    except (ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise _damaged(folder, str(error).partition("\n")[0]) from error
    if not known:
        raise ValueError(
            f"the model in {str(folder)!r} has the format {plain['format']!r}, expected {FORMAT}: "
            "it was written by another version of dnalib"
        )
    try:
        return _assembled(cls, folder, plain, arrays, weights)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error


def _assembled(
    cls: type, folder: Path, plain: dict, arrays: dict, weights: dict
) -> FineCategoryDiscovery:
    model = cls(**plain["settings"])
    encoder = load_encoder(model.encoder, trainable_layers=2, max_length=model.max_length)
    if encoder.digest != plain["encoder_digest"]:
        raise ValueError(
            f"encoder {model.encoder!r} is not the one that the model in {str(folder)!r} was "
            "trained from: its weights have another SHA-256"
        )
    if _shapes(weights) != _shapes(_trainable(encoder)):
        raise ValueError(
            f"{ENCODER} in {str(folder)!r} holds other layers than the {len(_trainable(encoder))} "
            f"tensors that are trained of {model.encoder!r}: save the model again"
        )
    encoder.load_state_dict(weights, strict=False)  # the others are not saved
    model._keep_encoder(encoder.to(usual_device()))
    model.method_ = plain["method"]
    model.parent_names_ = tuple(plain["parents"])
    model.names_ = {int(category): name for category, name in plain["names"].items()}
    model.n_fine_ = {name: NumberEstimate(**number) for name, number in plain["n_fine"].items()}
    model.temperatures_ = Temperatures(**plain["temperatures"])
    model.sizes_ = {int(category): number for category, number in plain["sizes"].items()}
    model.stability_ = dict(enumerate(plain["stability"]))
    model.separation_ = dict(enumerate(plain["separation"]))
    model.notes_ = plain["notes"]
    model.centers_, model.center_parents_ = arrays["centers"], arrays["center_parents"]
    model.labels_, model.edges_ = arrays["labels"], arrays["edges"]
    model.stability_ari_ = arrays["stability_ari"]
    model.edits_ = from_json(plain["edits"], arrays)
    model.history_ = pd.DataFrame()
    model._rows = None
    return model


def _damaged(folder: Path, reason: str) -> ValueError:
    return ValueError(f"the model in {str(folder)!r} is damaged ({reason}): save it again")


def _is_ours(folder: Path) -> bool:
    """Tell whether nothing but a model is in the folder."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith("._")}  # macOS's
    return names <= {MODEL, ARRAYS, ENCODER} | LITTER


def _trainable(encoder: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p for name, p in encoder.named_parameters() if p.requires_grad}


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _settings(model: FineCategoryDiscovery) -> dict[str, object]:
    """Return the settings with text for keys, of which JSON takes few other types."""
    settings = model.get_params(deep=False)
    if isinstance(model.n_fine, Mapping):
        settings["n_fine"] = {plain_label(label): n for label, n in model.n_fine.items()}
    return settings


def _plain(value: object):
    """Return what JSON cannot write as a plain value; of a method of one's own, its name."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.name if isinstance(value, Method) else dict(value)
