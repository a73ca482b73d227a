"""Arrays computed once: a folder of safetensors files keyed by what they were computed from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dnalib.files import atomic_path, cache_dir

LARGEST_BYTES = 2 * 1024**3
"""Arrays above this size are not kept on disk."""

log = logging.getLogger(__name__)


def content_key(*parts: str | bytes) -> str:
    """Return the SHA-256 of ``parts``; no two different lists of them run together."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part if isinstance(part, bytes) else part.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def cached(key: str, compute: Callable[[], Tensor]) -> Tensor:
    """Return the array stored under ``key``, computing and storing it when it is not there.

    A file that cannot be read (half-written, cut, or of another format) is computed anew with
    one warning; a cache that cannot be written never stops the work.
    """
    path = cache_dir() / "arrays" / f"{key}.safetensors"
    if path.exists():
        try:
            return load_file(path)["array"]
        except (SafetensorError, KeyError, OSError) as error:
            log.warning("cache file %s is not readable (%s): computing it again", path, error)
    array = compute().contiguous()
    if array.numel() * array.element_size() <= LARGEST_BYTES:
        _store(path, array)
    return array


def _store(path, array: Tensor) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file({"array": array}, temporary)
    except (OSError, SafetensorError) as error:
        log.warning("cache file %s could not be written (%s): going on without it", path, error)
